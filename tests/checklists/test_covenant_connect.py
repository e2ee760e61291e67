"""The customer's runbook as data: every sentence is kept, mistakes are corrected, the order is right."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from checklists.runbook import Document, read
from checklists.runbook.dependencies import transitive_needs
from integrations.actions import Context, RunbookItem, registry
from integrations.systems import VARIABLE, Systems
from tests.integrations.actions.annotations import plain_types

pytestmark = pytest.mark.usefixtures("only_own_actions")

FILE = Path(__file__).resolve().parents[2] / "checklists/runbooks/covenant-connect.yaml"
#: The checksum of the file that the customer handed over.
RUNBOOK_SHA256 = "41f7c0a150d40d77de296ec8815ed51e854d4ed0b5c8b801580a22947fab48c0"
TITLE = "# SQLAlchemy to Prisma migration and cutover plan"
PREFACE = """\
This runbook codifies the steps required to migrate production data off the
legacy SQLAlchemy/Flask stack and cut over to the NestJS/Prisma services that
now power Covenant Connect. It assumes the Prisma schema remains aligned with
the historic PostgreSQL tables and focuses on orchestrating a safe migration,
validating data, enabling third-party integrations, and performing the final
service swap."""

#: (the first words of a customer's sentence, the item that carries it out, words that the item must show)
SENTENCES = [
    ("This runbook codifies", "switch-traffic", "new stack"),
    ("It assumes the Prisma schema remains aligned", "drift", "Empty is the only proof"),
    ("**Freeze change windows**", "change-freeze", "Freeze change windows"),
    ("Announce the migration window", "announce-window", "Announce the migration window"),
    ("Announce the migration window", "freeze-writes", "read-only"),
    ("**Capture database and secrets backups**", "backup-early", "backup"),
    ("Take a full PostgreSQL base backup", "backup-early", "pg_dump --format=custom"),
    ("Take a full PostgreSQL base backup", "verify-early", "restores"),
    ("Export current `.env` secrets", "export-secrets", ".env"),
    ("Export current `.env` secrets", "payment-keys", "fingerprints"),
    ("**Provision staging environments**", "provision-staging", "Provision staging"),
    ("Stand up staging copies", "provision-staging", "deploy/helm"),
    ("Stand up staging copies", "rehearse-runbook", "rehearsal"),
    ("**Snapshot the live schema**", "diff-schema", "live schema"),
    ("Use Prisma's diff tooling", "diff-schema", "asks Prisma"),
    ("pnpm --filter @covenant-connect/backend prisma migrate diff", "diff-schema", "datamodel"),
    ("Review the generated SQL", "review-diff", "Review the SQL"),
    ("**Create the initial Prisma migration**", "init-present", "init"),
    ("Apply the diff to a staging database", "init-present", "20250922022205_init"),
    ("Apply the diff to a staging database", "rehearse-alignment", "alignment migration"),
    ("**Replay historical migrations**", "rehearse-alignment", "deploy"),
    ("Ensure any follow-up migrations", "follow-ups-present", "integration settings"),
    ("Ensure any follow-up migrations", "follow-ups-present", "email providers"),
    ("Ensure any follow-up migrations", "follow-ups-present", "church profile"),
    ("Ensure any follow-up migrations", "migration-status", "no migration is pending"),
    ("**Validate data parity**", "parity-after", "Compare the data"),
    ("Run aggregate comparisons", "rehearse-runbook", "between the Python ORM and Prisma"),
    ("Run aggregate comparisons", "sanity-scripts", "adds up the gifts by currency and status"),
    ("Row counts per table", "parity-after", "row counts of every table"),
    ("Spot-check high-value entities", "spot-check", "members, donations and events"),
    ("Use Prisma scripts to sanity-check", "sanity-scripts", "Prisma sanity scripts on the rehearsed copy"),
    ("**Schedule downtime**", "start-window", "downtime"),
    ("**Schedule downtime**", "backup-fresh", "frozen state"),
    ("**Run migrations**", "deploy", "migrate deploy"),
    ("pnpm --filter @covenant-connect/backend prisma migrate deploy", "deploy", "migrate deploy"),
    ("Prisma will create the `_prisma_migrations` table", "baseline", "_prisma_migrations"),
    ("**Warm Prisma client caches**", "generate", "Generate the Prisma client"),
    ("Run `pnpm --filter @covenant-connect/backend prisma:generate`", "generate", "image"),
    ("Run `pnpm --filter @covenant-connect/backend prisma:generate`", "build-images", "with the client of"),
    ("**Smoke tests**", "smoke", "smoke test"),
    ("Hit `/health/ready` on the Nest API", "smoke", "/health/ready"),
    ("Hit `/health/ready` on the Nest API", "smoke", "/prayer/requests"),
    ("Hit `/health/ready` on the Nest API", "canary", "account data"),
    ("**OAuth providers**", "oauth-secrets", "OAuth"),
    ("Populate `GOOGLE_*`", "oauth-secrets", "APPLE_PRIVATE_KEY"),
    ("Use staging to walk through end-to-end sign-ins", "oauth-sign-in", "AccountProvider"),
    ("**Payment gateways**", "payment-keys", "keys of Stripe, Paystack, Fincra and Flutterwave"),
    ("Configure Stripe, Paystack, Fincra", "payment-keys", "secret of the backend"),
    ("Each provider implements the shared payment interface", "payment-smoke", "initialize"),
    ("Each provider implements the shared payment interface", "payment-smoke", "refund"),
    ("Run provider-specific smoke tests", "payment-smoke", "test card"),
    ("Run provider-specific smoke tests", "switch-webhooks", "/donations/webhooks/"),
    ("**Queues and automation**", "redis-ready", "queues"),
    ("Ensure Redis connectivity", "redis-ready", "REDIS_URL"),
    ("Start the worker entry point", "start-worker", "dist/src/task-worker.main.js"),
    ("Start the worker entry point", "start-worker", "KPI digests"),
    ("**Deploy the Node services**", "deploy-services", "Deploy the Node services"),
    ("Build and publish the backend/frontend", "build-images", "Via CI"),
    ("Build and publish the backend/frontend", "deploy-services", "ingress settings"),
    ("**Dual-run verification**", "pilot", "stays up, read-only"),
    ("Keep the Flask application online", "pilot", "Next.js"),
    ("Monitor logs, queue throughput", "watch-pilot", "dashboards"),
    ("**Switch primary traffic**", "switch-traffic", "all user traffic"),
    ("Update DNS, load balancer rules", "switch-traffic", "Load balancer"),
    ("Update DNS, load balancer rules", "switch-ingress", "Ingress routes"),
    ("Update DNS, load balancer rules", "switch-dns", "Point the public name"),
    ("Remove read-only restrictions", "lift-freeze", "Lift the freeze"),
    ("**Decommission Python stack**", "gate-decommission", "Python stack"),
    ("After a stability window, archive", "stability-window", "stability window"),
    ("After a stability window, archive", "archive-flask", "Archive the Flask containers"),
    ("After a stability window, archive", "revoke-secrets", "Revoke the secrets"),
    ("Keep snapshots for rollback", "keep-snapshots", "Keep the snapshots"),
    ("If Prisma migrations introduce issues", "stop-new-stack", "Stop the Nest services"),
    ("If Prisma migrations introduce issues", "restore-database", "Restore the backup"),
    ("Because Prisma only adds metadata tables", "compare-restored", "restored data are those"),
    ("Re-enable the Flask application", "unfreeze", "Re-enable the Flask application in read/write"),
    ("Re-enable the Flask application", "communicate-delay", "Communicate the delay"),
    ("Address root causes in staging", "root-causes", "root causes on staging"),
    ("Update monitoring dashboards and alerts", "monitoring", "BullMQ"),
    ("Transfer ownership of OAuth/webhook endpoints", "hand-over-endpoints", "Transfer ownership"),
    ("Schedule a follow-up retrospective", "retrospective", "retrospective"),
    ("Schedule a follow-up retrospective", "admin-workflows", "apps/frontend/app/admin/*"),
]

#: (number of a mistake in the customer's text, the phase or item that shows it, words that it must show)
CORRECTIONS = [
    (1, "production", "P3005"),
    (1, "baseline", "resolve --applied 20250922022205_init"),
    (2, "schema", "484 lines"),
    (3, "schema", "Only an empty diff proves alignment"),
    (3, "check-seeds", "a baseline does not run it"),
    (4, "deploy", "inserts a church fails; everything else it can write"),
    (4, "rollback", "only between deploy and alignment do its inserts into `churches` fail"),
    (4, "unfreeze", "nothing refuses it"),
    (4, "bring-old-back", "does not show that the restore was done"),
    (5, "disarm-image", "npx prisma migrate deploy"),
    (5, "stop-new-stack", "the image migrates when it starts"),
    (6, "prepare", "the Flask application has none"),
    (6, "freeze-writes", "default_transaction_read_only"),
    (7, "plan-passwords", "argon2"),
    (7, "canary", "werkzeug"),
    (8, "integrations", "/donations/webhooks/{paystack,fincra,stripe,flutterwave}"),
    (8, "webhook-routes", "webhook secret is not configured"),
    (9, "production", "There is no `/accounts`"),
    (9, "canary", "GET /auth/session/{token}"),
    (10, "assess-loss", "Count the rows that a rollback would lose"),
    (10, "gate-rollback", "How many gifts, members and prayer requests are lost"),
    (10, "gate-traffic", "From its first write on, restoring the backup deletes"),
    (11, "start-api", "It does not start"),
    (11, "smoke", "reads each part of them"),
    (12, "schema", "Prisma 7 removed them"),
]

#: (the item that comes first, an item that must wait for it)
ORDER = [
    ("announce-window", "freeze-writes"),
    ("disarm-image", "start-api"),
    ("verify-early", "rehearse-alignment"),
    ("freeze-writes", "backup-fresh"),
    ("backup-fresh", "verify-fresh"),
    ("freeze-writes", "fingerprint-before"),
    ("review-diff", "gate-migration"),
    ("verify-fresh", "rehearse-frozen"),
    ("rehearse-frozen", "gate-migration"),
    ("gate-migration", "baseline"),
    ("baseline", "deploy"),
    ("deploy", "align"),
    ("align", "drift"),
    ("align", "parity-after"),
    ("parity-after", "start-api"),
    ("generate", "start-api"),
    ("start-api", "canary"),
    ("canary", "smoke"),
    ("smoke", "start-worker"),
    ("generate", "build-images"),
    ("gate-migration", "deploy-services"),
    ("canary", "deploy-services"),
    ("watch-pilot", "gate-traffic"),
    ("gate-traffic", "switch-traffic"),
    ("gate-traffic", "switch-ingress"),
    ("switch-ingress", "smoke-ingress"),
    ("smoke-ingress", "switch-traffic"),
    ("gate-traffic", "switch-webhooks"),
    ("switch-traffic", "stop-old-writers"),
    ("switch-ingress", "stop-old-writers"),
    ("stop-old-writers", "lift-freeze"),
    ("stability-window", "gate-decommission"),
    ("gate-decommission", "archive-flask"),
    ("gate-decommission", "revoke-secrets"),
    ("stop-new-stack", "gate-rollback"),
    ("assess-loss", "gate-rollback"),
    ("gate-rollback", "restore-database"),
    ("backup-failed-state", "restore-database"),
    ("restore-database", "compare-restored"),
    ("compare-restored", "unfreeze"),
    ("compare-restored", "point-back"),
    ("compare-restored", "ingress-back"),
    ("bring-old-back", "ingress-back"),
    ("unfreeze", "communicate-delay"),
]

VARIABLES = [
    "LEGACY_DATABASE_URL",
    "TARGET_DATABASE_URL",
    "PARITY_DATABASE_URL",
    "SCRATCH_DATABASE_URL",
    "PRISMA_PROJECT",
    "PRISMA_COMMAND",
    "API_URL",
    "FRONTEND_URL",
    "STAGING_FRONTEND_URL",
    "API_DATABASE_URL",
    "LEGACY_APP_URL",
    "PUBLIC_URL",
    "PLATFORM_APPLY",
    "REGISTRY_URL",
    "PLATFORM_START",
    "PLATFORM_STOP",
    "PLATFORM_STATUS",
    "STAGING_DATABASE_URL",
    "STAGING_QUEUE_URL",
    "STAGING_API_URL",
    "LEGACY_ENV_FILE",
    "NEW_ENV_FILE",
    "QUEUE_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "PAYSTACK_SECRET_KEY",
    "FINCRA_SECRET_KEY",
    "FINCRA_WEBHOOK_SECRET",
    "FLUTTERWAVE_SECRET_KEY",
    "FLUTTERWAVE_WEBHOOK_SECRET",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "OAUTH_REDIRECT_BASE",
    "FACEBOOK_CLIENT_ID",
    "FACEBOOK_CLIENT_SECRET",
    "APPLE_CLIENT_ID",
    "APPLE_TEAM_ID",
    "APPLE_KEY_ID",
    "APPLE_PRIVATE_KEY",
    "DNS_ZONE",
    "PROXY_URL",
    "PROXY_POOL",
    "PROXY_OLD",
    "PROXY_NEW",
    "INGRESS_URL",
    "INGRESS_API_URL",
    "INGRESS_TOKEN",
    "INGRESS_NAME",
    "INGRESS_OLD",
    "INGRESS_NEW",
    "MONITORING_FOLDER",
    "VAULT_FOLDER",
    "CANARY_EMAIL",
    "CANARY_PASSWORD",
]


@pytest.fixture(scope="module")
def document() -> Document:
    found = read(FILE.read_bytes())
    assert found.errors == []
    return found.document


def sentences(markdown: str) -> list[str]:
    """Every sentence, heading and command of the customer's text, each on one line."""
    commands = [
        " ".join(line for line in code.replace("\\\n", "").split("\n") if not line.strip().startswith("#"))
        for code in re.findall(r"```bash\n(.*?)```", markdown, re.S)
    ]
    prose = re.sub(r"【.*?】", "", re.sub(r"```bash\n.*?```", "", markdown, flags=re.S))
    entries = [" ".join(entry.split()) for entry in re.split(r"(?m)^\s*(?:\d+\.|-) ", prose)]
    found = [one for entry in entries for one in re.split(r"(?<=[.:])\s+(?=[A-Z(])", entry)]
    return [" ".join(one.split()) for one in found + commands if one.strip()]


def text_of(document: Document, key: str) -> str:
    """What a page shows of an item, or the note of a phase, on one line and without bold marks."""
    phase = next((phase for phase in document.phases if phase.key == key), None)
    if phase:
        return " ".join(phase.note.replace("**", "").split())
    item = document.item(key)
    shown = f"{item.title} {item.how} {item.opens} {item.irreversible}"
    return " ".join(shown.replace("**", "").split())


def test_the_phases_quote_the_customers_text_exactly(document):
    parts = [f"## {phase.number}. {phase.title}\n\n{phase.original}" for phase in document.phases]
    whole = "\n\n".join([TITLE, PREFACE, *parts]) + "\n"
    assert hashlib.sha256(whole.encode()).hexdigest() == RUNBOOK_SHA256


def test_every_sentence_of_the_customer_is_in_the_table(document):
    said = [
        one for text in [PREFACE, *(phase.original for phase in document.phases)] for one in sentences(text)
    ]
    assert len(said) == 58
    beginnings = [beginning for beginning, _, _ in SENTENCES]
    assert [one for one in said if not any(one.startswith(start) for start in beginnings)] == []
    assert [start for start in beginnings if not any(one.startswith(start) for one in said)] == []


@pytest.mark.parametrize(("sentence", "key", "words"), SENTENCES)
def test_each_sentence_is_carried_out_by_an_item(document, sentence, key, words):
    assert words in text_of(document, key)


@pytest.mark.parametrize(("number", "key", "words"), CORRECTIONS)
def test_each_correction_is_shown_where_it_matters(document, number, key, words):
    assert words in text_of(document, key)


def test_all_twelve_corrections_are_there():
    assert {number for number, _, _ in CORRECTIONS} == set(range(1, 13))


@pytest.mark.parametrize(("first", "then"), ORDER)
def test_the_first_item_comes_before_the_second(document, first, then):
    assert first in transitive_needs(then, {item.key: item for item in document.items})


def test_no_item_waits_for_an_item_further_down(document):
    seen: set[str] = set()
    for item in document.items:
        assert set(item.needs) <= seen, item.key
        seen.add(item.key)


def test_there_are_seven_phases_and_one_is_the_rollback(document):
    assert [(phase.number, phase.key, phase.direction) for phase in document.phases] == [
        ("1", "prepare", "forward"),
        ("2", "schema", "forward"),
        ("3", "production", "forward"),
        ("4", "integrations", "forward"),
        ("5", "cutover", "forward"),
        ("6", "rollback", "rollback"),
        ("7", "after", "forward"),
    ]
    assert all(phase.note and phase.original for phase in document.phases)


def test_four_gates_decide_on_evidence(document):
    gates = {item.key: item for item in document.items if item.kind == "gate"}
    assert set(gates) == {"gate-migration", "gate-traffic", "gate-decommission", "gate-rollback"}
    assert all(gate.quorum >= 2 and gate.opens and gate.how for gate in gates.values())
    assert gates["gate-traffic"].quorum == 3
    assert set(gates["gate-traffic"].seats) == {"technical", "data", "finance", "pastoral"}
    proof = {spec.item for spec in gates["gate-traffic"].evidence}
    assert proof >= {"parity-after", "verify-fresh", "drift-again", "smoke-deployed", "canary"}


def test_all_evidence_at_a_gate_has_a_maximum_age(document):
    for gate in document.items:
        for spec in gate.evidence:
            assert spec.fresh_for or document.item(spec.item).fresh_for, (gate.key, spec.item)


def risky(phases):
    """The items of these phases whose actions change production."""
    every = [item for phase in phases for item in phase.items if item.kind == "action"]
    return [item for item in every if registry()[item.action].risky]


def test_items_that_change_production_wait_for_a_gate(document):
    items = {item.key: item for item in document.items}
    found = risky(phase for phase in document.phases if phase.direction == "forward")
    assert len(found) > 8
    for item in found:
        early = item.action in ("freeze.on", "dns.lower_ttl")  # before the gate, and undone by the rollback
        assert early or "gate-migration" in transitive_needs(item.key, items), item.key
        assert item.undo, item.key
        assert item.type_target, item.key


def test_in_a_rollback_only_stopping_the_new_stack_needs_no_gate(document):
    items = {item.key: item for item in document.items}
    found = risky(phase for phase in document.phases if phase.direction == "rollback")
    ungated = [item.key for item in found if "gate-rollback" not in transitive_needs(item.key, items)]
    assert ungated == ["stop-new-stack"]


def test_a_rollback_item_never_waits_for_a_forward_gate(document):
    items = {item.key: item for item in document.items}
    back = next(phase for phase in document.phases if phase.direction == "rollback")
    for item in back.items:
        gates = {key for key in item.needs if items[key].kind == "gate"}
        assert gates <= {"gate-rollback"}, item.key


def test_its_items_use_registered_actions_only(document):
    """The product may have more actions: a general one needs no item in this customer's runbook."""
    used = {item.action for item in document.items if item.action}
    assert used
    assert used <= set(registry())


def test_every_parameter_of_its_items_cleans_to_the_declared_type(document):
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", FILE.read_text()), "1") | {"DNS_NEW": "192.0.2.9"}
    items = {item.key: RunbookItem(item.action, item.params) for item in document.items if item.action}
    systems = Systems(document.systems, variables)
    context = Context(systems, evidence={}, folder=Path(), items=items)
    for item in document.items:
        if item.action:
            params = registry()[item.action].bind(item.params, context)
            for name, annotation in get_type_hints(type(params)).items():
                assert isinstance(getattr(params, name), plain_types(annotation)), f"{item.key}: {name}"


def test_every_switched_address_is_smoke_tested_and_can_be_switched_back(document):
    items = {item.key: item for item in document.items}
    for switch, back in (("switch-ingress", "ingress-back"), ("switch-traffic", "point-back")):
        shared = {name: items[switch].params[name] for name in ("proxy", "public", "old", "new")}
        assert items[switch].undo == back
        assert shared.items() <= items[back].params.items()
    assert items["ingress-back"].params["back_to"] == "switch-ingress"
    for smoke, switch in (("smoke-ingress", "switch-ingress"), ("smoke-public", "switch-traffic")):
        own = {"api": items[switch].params["public"], "served_by": "api"}
        full = items["smoke"].params
        # What the front end shows at the same path is compared by pages.check.
        reads = [
            one for one in full["reads"] if one["path"].partition("?")[0] not in ("/donations", "/events")
        ]
        # What the front end shows at the same path is compared by pages.check.
        refused = [
            one for one in full["refused"] if path_of(one).split("/")[1] not in ("donations", "events")
        ]
        assert items[smoke].params == {**full, **own, "reads": reads, "refused": refused}
    for pages, switch in (("pages-ingress", "switch-ingress"), ("pages-public", "switch-traffic")):
        own = {"site": items[switch].params["public"], "served_by": "site"}
        assert items[pages].params == {**items["pages-deployed"].params, **own}
    own = {"site": "public", "served_by": "site"}
    assert items["admin-pages-public"].params == {**items["admin-pages"].params, **own}
    last = items["switch-traffic"].params
    assert "share" not in last, "after the last switch, nobody may reach the old stack"
    assert items["switch-ingress"].optional, "an environment without a cluster skips it"
    assert items["smoke-ingress"].optional
    assert items["pages-ingress"].optional


def path_of(entry):
    return (entry if isinstance(entry, str) else entry["path"]).partition("?")[0]


def test_every_item_says_how_to_see_that_it_worked(document):
    for item in document.items:
        assert len(item.how) > 100, item.key
        assert item.planned or item.kind == "gate", item.key
        if item.kind != "gate":
            assert "**It worked when**" in item.how, item.key


def test_the_rules_of_the_comparison_are_declared_once_in_the_fingerprint(document):
    before = document.item("fingerprint-before").params
    assert before["totals"] == [{"table": "donations", "sum": "amount", "by": ["currency", "status"]}]
    assert len(before["declared"]) > 20
    for item in ("parity-after", "compare-loss", "compare-restored"):
        assert not {"declared", "totals"} & set(document.item(item).params)


def test_only_these_variables_differ_between_environments(document):
    texts = [str(text) for system in document.systems.values() for text in system.values()]
    needed = {found[1] for text in texts for found in VARIABLE.finditer(text) if found[2] is None}
    assert needed == set(VARIABLES)
    images = ("NEW_API_IMAGE", "NEW_WORKER_IMAGE", "NEW_FRONTEND_IMAGE")
    code = ("CODE_REPOSITORY", "CODE_HOST_TOKEN")
    spots = ("SPOT_MEMBER", "SPOT_DONATION", "SPOT_EVENT")
    parameters = dict.fromkeys((*images, *spots, *code, "OLD_HOST"), "x")
    parameters["DNS_NEW"] = "192.0.2.9"
    commands = {
        name: "/usr/bin/true" for name in VARIABLES if name.startswith(("PLATFORM_", "PRISMA_COMMAND"))
    }
    settings = {**dict.fromkeys(VARIABLES, "x"), **commands, **parameters, "PRISMA_DIFF": "adapter"}
    assert read(FILE.read_bytes(), environ=settings).errors == []
    assert Systems(document.systems, settings)["backend"]["diff"] == "adapter"
    assert Systems(document.systems, dict.fromkeys(VARIABLES, "x"))["backend"]["diff"] == "native"


@pytest.mark.reference
def test_the_page_about_manual_items_has_each_with_what_it_requires(document):
    page = (FILE.parents[2] / "docs" / "reference" / "manual-items.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): row[-1].replace("second person", "second_person") for row in rows}
    manual = {item.key: ", ".join(item.requires) or "–" for item in document.items if item.kind == "manual"}
    assert told == manual
    checks = {key for row in rows for key in re.findall(r"`([a-z-]+)`", " ".join(row[1:]))}
    assert checks <= {item.key for item in document.items}
