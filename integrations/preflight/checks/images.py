"""Images are named by digest, are at the registry, migrate nothing at their start, and run where deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from integrations.clients.platform import engines, get_platform
from integrations.clients.platform.container_review import find_absent, find_without_digest, review_container
from integrations.clients.platform.images import digest_of
from integrations.clients.published_images import look_up_image
from integrations.clients.registry import Registry
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.questions import Question, ask_all
from integrations.preflight.read_only import ReadOnlyClient
from integrations.preflight.result import CheckResult

ATTEMPT = "preflight"
BUILD_PART = "prisma.generate"  # makes the database client that an image of the new stack contains


def _images_of(scope: CheckScope, item: PlannedItem) -> dict[str, str]:
    """Service → image of an item. Raises `MissingVariable`."""
    given = scope.systems.fill_variables(dict(item.params)).get("images")
    return {str(name): str(image) for name, image in given.items()} if isinstance(given, dict) else {}


def _all_images(scope: CheckScope) -> dict[str, dict[str, list[str]]]:
    """Service → image → the keys of the items that name it."""
    found: dict[str, dict[str, list[str]]] = {}
    for item in scope.items.values():
        if "images" in item.params:
            for name, image in _images_of(scope, item).items():
                found.setdefault(name, {}).setdefault(image, []).append(item.key)
    return found


@preflight_check("images.names", "Images are named by one digest", texts_shown=True)
def check_image_names(scope: CheckScope) -> Iterator[CheckResult]:
    """Nothing is asked: the images of all items are compared with each other."""
    for name, images in _all_images(scope).items():
        items = tuple(key for keys in images.values() for key in keys)
        question = Question(f"{name}: image", "the image of this service in all items", (), items)
        if len(images) > 1:
            seen = "; ".join(f"{', '.join(keys)}: {image}" for image, keys in images.items())
            yield question.red(f"Items name different images: {seen}.", "Name the same image in all of them.")
        elif wrong := find_without_digest({name: next(iter(images))}):
            remedy = "docker buildx imagetools inspect NAME:TAG shows the digest."
            yield question.red(wrong[0], remedy)
        else:
            yield question.green(next(iter(images)))


@preflight_check("images.published", "The registry has the images", seconds=40, texts_shown=True)
def check_published_images(scope: CheckScope) -> Iterator[CheckResult]:
    """The manifest of each digest is read and hashed; the tag, where an item names one, is looked up."""
    client = ReadOnlyClient(scope.systems.hosts())
    questions = []
    for item in scope.items_of("image.published"):
        params = scope.systems.fill_variables(dict(item.params))
        system = scope.systems.get(str(params.get("registry")))
        for name, image in _images_of(scope, item).items():
            if system is None or find_without_digest({name: image}):
                continue  # images.names reports it
            registry = Registry(system, scope.systems)
            registry.http = client
            question = Question(
                f"{system.name}: {name}", "its manifest at the registry", (system.name,), (item.key,)
            )
            build = _later_build(scope, item)
            questions.append((question, partial(_look_up, registry, params, name, image, build, question)))
    yield from ask_all(scope, questions)


def _later_build(scope: CheckScope, item: PlannedItem) -> str:
    """The item before this one that makes a part of the images and has not succeeded yet; "" without one."""
    before = list(scope.items).index(item.key)
    for each in list(scope.items.values())[:before]:
        if each.action == BUILD_PART and each.key not in scope.evidence:
            return each.key
    return ""


def _look_up(
    registry: Registry, params: Mapping[str, Any], name: str, image: str, build: str, question: Question
) -> Iterator[CheckResult]:
    places = params.get("repositories")
    place = str(places.get(name, "")) if isinstance(places, Mapping) else ""
    facts = look_up_image(registry, name, image, repository=place, tag=str(params.get("tag") or ""))
    said = facts["said"][0].upper() + facts["said"][1:]
    if facts["ok"]:
        yield question.green(said)
    elif build:
        yield question.amber(
            f"{said} It may not be built yet: “{build}”, which makes a part of it, has not succeeded.",
            "Push it before the item that looks for it. If it was built already, the digest is wrong.",
        )
    else:
        yield question.red(said, "Push the image that is going to be deployed, then check again.")


@preflight_check(
    "images.start", "No image migrates the database when it starts", seconds=60, texts_shown=True
)
def check_start_commands(scope: CheckScope) -> Iterator[CheckResult]:
    """The start command of each container, as the platform's files and the images tell it."""
    questions, done = [], set()
    for item in scope.items_of("image.check"):
        images, platform = _images_of(scope, item), str(item.params.get("platform"))
        key = (platform, tuple(sorted(images.items())))
        if key in done or platform not in scope.systems or find_without_digest(images):
            continue
        done.add(key)
        names = ", ".join(images)
        question = Question(f"{platform}: start of {names}", "the start commands", (platform,), (item.key,))
        questions.append((question, partial(_review, scope, item, images, question)))
    yield from ask_all(scope, questions)


def _review(
    scope: CheckScope, item: PlannedItem, images: Mapping[str, str], question: Question
) -> Iterator[CheckResult]:
    params = scope.systems.fill_variables(dict(item.params))
    platform = get_platform(scope.systems[str(params["platform"])])
    engines.refuse_missing_engines(platform, platform.describe_commands(images)[:1], ATTEMPT)
    starts = platform.read_container_starts(images, ATTEMPT)
    folder = scope.systems.get(str(params.get("folder")))
    found = [
        review_container(
            start,
            folder=Path(folder["path"]) if folder else None,
            trusted=[str(word) for word in params.get("trusted") or []],
            ignore=[str(name) for name in params.get("ignore") or []],
        )
        for start in starts
    ]
    wrong = [facts["said"] for facts in found if not facts["ok"]]
    wrong = wrong or [said for name, image in images.items() if (said := find_absent(name, image, starts))]
    if wrong:
        yield question.red(" ".join(wrong), f"Do what it says, then check again or start “{item.key}”.")
    else:
        yield question.green("; ".join(facts["said"] for facts in found))


@preflight_check(
    "images.running", "What was deployed runs the images that items name", seconds=45, texts_shown=True
)
def check_running_images(scope: CheckScope) -> Iterator[CheckResult]:
    """Only after a deployment has succeeded: before it, other images are right."""
    questions = []
    for item in scope.items_of("deploy.apply"):
        platform = str(item.params.get("platform"))
        if item.key in scope.evidence and platform in scope.systems:
            question = Question(
                f"{platform}: images of {item.key}", "the digests of what runs", (platform,), (item.key,)
            )
            questions.append((question, partial(_compare_running, scope, item, platform, question)))
    yield from ask_all(scope, questions)


def _compare_running(
    scope: CheckScope, item: PlannedItem, name: str, question: Question
) -> Iterator[CheckResult]:
    platform, images = get_platform(scope.systems[name]), _images_of(scope, item)
    status = platform.read_status(ATTEMPT)
    running = platform.image_digests([one for one in status.values() if one.name in images], ATTEMPT)
    other, unseen = [], []
    for service, image in images.items():
        digests = {digest_of(each) or each for each in running.get(service, [])}
        if not digests:
            unseen.append(service)
        elif digests != {digest_of(image)}:
            other.append(f"{service} runs {', '.join(sorted(digests))} instead of {digest_of(image)}")
    if other:
        yield question.red(
            f"{'; '.join(other)}.", f"Find out who deployed it, then start “{item.key}” again."
        )
    elif unseen:
        yield question.amber(
            f"The platform does not tell what runs of {', '.join(unseen)}.", "Look at it on the platform."
        )
    else:
        yield question.green(f"{', '.join(images)} run the images of the item.")
