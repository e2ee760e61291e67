"""SQL functions that write JSON as `checklists.canonical` does, and its digest."""

from __future__ import annotations

#: The text of `checklists.canonical.canonical`: sorted keys, no spaces.
CANONICAL = """
CREATE OR REPLACE FUNCTION checklists_canonical(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(member.key)::text || ':' || checklists_canonical(member.value), ','
                              ORDER BY member.key COLLATE "C")
            FROM jsonb_each(value) member), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(checklists_canonical(one.value), ',' ORDER BY one.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS one(value, place)), '') || ']'
        ELSE value::text
    END;
END $body$
"""

#: The digest of content, as `checklists.canonical.digest_of` computes it.
DIGEST = """
CREATE OR REPLACE FUNCTION checklists_digest(content jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $body$
    SELECT encode(sha256(convert_to(checklists_canonical(content), 'UTF8')), 'hex')
$body$
"""
