"""Rules that PostgreSQL enforces by triggers: append-only tables, one decision, verified backups.

Those of gates are in `gate_triggers`, those of attempts in `attempt_triggers`. A changed body is a changed
trigger and needs a migration.
"""

from __future__ import annotations

import pgtrigger


def append_only() -> list[pgtrigger.Trigger]:
    """Refuses UPDATE, DELETE and TRUNCATE: rows of the table are only inserted."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'table % is not emptied', TG_TABLE_NAME;",
        ),
    ]


def never_deleted() -> pgtrigger.Trigger:
    """Refuses DELETE."""
    return pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)


def lines_have_their_attempt() -> pgtrigger.Trigger:
    """Refuses lines of an attempt that does not exist, as a foreign key does, but once a statement.

    An attempt is never deleted and its key never changes, so it is enough to look when lines are inserted.
    """
    return pgtrigger.Trigger(
        name="lines_have_their_attempt",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]  # no types
        func="""
            IF EXISTS (SELECT 1 FROM (SELECT DISTINCT attempt_id FROM added) line
                       WHERE NOT EXISTS (SELECT 1 FROM checklists_attempt WHERE id = line.attempt_id)) THEN
                RAISE EXCEPTION 'a line of the log belongs to an attempt that does not exist'
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
            RETURN NULL;
        """,
    )


def decided_once() -> pgtrigger.Trigger:
    """Refuses every change of a request except its decision, once."""
    return pgtrigger.Trigger(
        name="decided_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF OLD.decision <> ''
               OR (NEW.cutover_id, NEW.kind, NEW.summary, NEW.reason, NEW.payload, NEW.requested_by_id,
                   NEW.requested_at, NEW.item_id, NEW.tick_id, NEW.on_behalf_of_id)
                  IS DISTINCT FROM (OLD.cutover_id, OLD.kind, OLD.summary, OLD.reason, OLD.payload,
                   OLD.requested_by_id, OLD.requested_at, OLD.item_id, OLD.tick_id,
                   OLD.on_behalf_of_id) THEN
                RAISE EXCEPTION 'a requested change is not edited';
            END IF;
            RETURN NEW;
        """,
    )


def tick_has_what_the_item_requires() -> pgtrigger.Trigger:
    """Refuses a tick of a manual item without the note, the file or the second person that it requires.

    The rows are written before the item: `checklists_tick`, its files, and the confirmed request.
    """
    return pgtrigger.Trigger(
        name="tick_has_what_the_item_requires",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__done_at__isnull=True, new__done_at__isnull=False),
        declare=[("given", "checklists_tick%ROWTYPE")],
        func="""
            IF NEW.requires = '{}' THEN
                RETURN NEW;
            END IF;
            SELECT * INTO given FROM checklists_tick WHERE item_id = NEW.id ORDER BY id DESC LIMIT 1;
            IF given.by_id IS DISTINCT FROM NEW.done_by_id THEN
                RAISE EXCEPTION 'item % is not ticked without what it requires', NEW.key;
            END IF;
            IF 'note' = ANY(NEW.requires) AND given.note = '' THEN
                RAISE EXCEPTION 'item % requires a note', NEW.key;
            END IF;
            IF 'file' = ANY(NEW.requires)
               AND NOT EXISTS (SELECT 1 FROM checklists_tickfile WHERE tick_id = given.id) THEN
                RAISE EXCEPTION 'item % requires a file', NEW.key;
            END IF;
            IF 'second_person' = ANY(NEW.requires)
               AND NOT EXISTS (SELECT 1 FROM checklists_changerequest
                               WHERE tick_id = given.id AND decision = 'CONFIRMED') THEN
                RAISE EXCEPTION 'item % requires a second person', NEW.key;
            END IF;
            RETURN NEW;
        """,
    )


def only_use_is_written() -> pgtrigger.Trigger:
    """Refuses every change of a pass except setting its first use, once."""
    return pgtrigger.Trigger(
        name="only_use_is_written",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF (NEW.gate_id, NEW.digest, NEW.digest_version, NEW.at)
                  IS DISTINCT FROM (OLD.gate_id, OLD.digest, OLD.digest_version, OLD.at)
               OR OLD.used_at IS NOT NULL THEN
                RAISE EXCEPTION 'the pass of a gate is not edited';
            END IF;
            RETURN NEW;
        """,
    )


def ended_run_is_final() -> pgtrigger.Trigger:
    """Refuses every change of a preflight run that has ended."""
    return pgtrigger.Trigger(
        name="ended_run_is_final",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__ended_at__isnull=False),
        func="RAISE EXCEPTION 'the preflight run % has ended', OLD.id;",
    )


def ended_preview_is_final() -> pgtrigger.Trigger:
    """Refuses every change of a preview that has ended: people may have read it."""
    return pgtrigger.Trigger(
        name="ended_preview_is_final",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__ended_at__isnull=False),
        func="RAISE EXCEPTION 'the preview % has ended', OLD.id;",
    )


def only_verifications_verify() -> list[pgtrigger.Trigger]:
    """Refuses a backup that is called verified by anything else than a row of its verifications.

    Inside `latest_verification_decides`, this trigger is the second in depth.
    """
    return [
        pgtrigger.Trigger(
            name="new_ones_are_not_verified",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            func="""
                IF NEW.verified_by_id IS NOT NULL OR NEW.verified_at IS NOT NULL
                   OR NEW.restore_seconds IS NOT NULL THEN
                    RAISE EXCEPTION 'a backup is verified by its verifications only';
                END IF;
                RETURN NEW;
            """,
        ),
        pgtrigger.Trigger(
            name="only_verifications_verify",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func="""
                IF pg_trigger_depth() < 2
                   AND (NEW.verified_by_id, NEW.verified_at, NEW.restore_seconds)
                       IS DISTINCT FROM (OLD.verified_by_id, OLD.verified_at, OLD.restore_seconds) THEN
                    RAISE EXCEPTION 'a backup is verified by its verifications only';
                END IF;
                RETURN NEW;
            """,
        ),
    ]


def latest_verification_decides() -> pgtrigger.Trigger:
    """Writes the result of each new verification to its backup: a failed one revokes “verified”.

    The backup's row is locked first, so that of two verifications the one with the higher id is written last.
    """
    return pgtrigger.Trigger(
        name="latest_verification_decides",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        func="""
            PERFORM 1 FROM checklists_backup WHERE id = NEW.backup_id FOR UPDATE;
            UPDATE checklists_backup
            SET verified_by_id = CASE WHEN NEW.equal THEN NEW.attempt_id END,
                verified_at = CASE WHEN NEW.equal THEN NEW.at END,
                restore_seconds = CASE WHEN NEW.equal THEN NEW.seconds END
            WHERE id = NEW.backup_id AND NOT EXISTS (
                SELECT 1 FROM checklists_backupverification later
                WHERE later.backup_id = NEW.backup_id AND later.id > NEW.id);
            RETURN NULL;
        """,
    )
