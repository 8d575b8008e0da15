"""Every platform's proof: its samples pass at their time, any other byte, time, secret or scheme does not."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.sources import SECRETS, SOURCES, adobe_keys, post, posts, registry
from worker.intake.proof import prove
from worker.intake.proofs.adobe import FetchedKeys
from worker.intake.proofs.verdict import Proven, Unproven, Unsure
from worker.intake.request import Request, make
from worker.intake.sources import Registry, Source

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = SECRETS["TASUKI_SECRET"]
#: Headers that a signature rests on.
SIGNED = re.compile(r"signature|timestamp|token|key\d-path|webhook-id", re.IGNORECASE)
SIGNED_BODIES = ("hubspot", "mautic", "segment", "meta-lead-ads", "marketo/datastream")


@pytest.fixture
def sources(tmp_path: Path) -> Registry:
    return registry(tmp_path)


def source_of(name: str) -> str:
    """Return the source that a sample is for."""
    platform, _, file = name.partition("/")
    if file.startswith("workflow."):
        return "hubspot-workflow"
    if file.startswith("datastream."):
        return "marketo-stream"
    return {"meta-lead-ads": "meta"}.get(
        platform, "segment-batch" if ".batch." in file and platform == "segment" else platform
    )


def with_headers(request: Request, **headers: str) -> Request:
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in request.headers if name not in names]
    return make(request.method, request.url, [*kept, *names.items()], request.body)


def ready(name: str) -> tuple[Request, datetime]:
    """Return a sample's request, with the token that the sample leaves to us where it has no proof of its own."""
    one = post(name)
    if name.startswith("cloudevents/"):
        return with_headers(one.request, x_tasuki_token=SECRET), one.received_at
    if source_of(name) == "segment-batch":
        return with_headers(one.request, x_tasuki_token=SECRETS["TASUKI_SECRET_ALSO"]), one.received_at
    return one.request, one.received_at


def test_every_sample_has_a_source(sources: Registry) -> None:
    """There is no sample that these tests leave out."""
    assert len(posts()) == 26
    assert {source_of(name) for name in posts()} <= sources.current().sources.keys()


@pytest.mark.parametrize("name", posts())
def test_sample_is_proven_at_its_time(sources: Registry, name: str) -> None:
    """Each sample passes as it was sent, when it was sent; the files' own codes are what is compared."""
    request, at = ready(name)
    assert prove(sources.require(source_of(name)), request, at, adobe_keys()) == Proven()


@pytest.mark.parametrize("name", [name for name in posts() if name.startswith(SIGNED_BODIES)])
def test_any_changed_byte_of_a_signed_body_is_refused(sources: Registry, name: str) -> None:
    """Every byte of every signed body counts; so does one more and one less."""
    request, at = ready(name)
    source, keys, body = sources.require(source_of(name)), adobe_keys(), request.body
    covered = len(body)
    if name == "segment/track.batch.headers.json":
        covered = body.index(b"},{") + 1  # the rest is the second proof's
    step = 7 if name.startswith("marketo") else 1  # RSA is slower; 7 is prime, so no field is passed over
    for index in range(1 if covered != len(body) else 0, covered, step):
        other = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
        changed = Request(request.method, request.url, request.headers, other)
        assert isinstance(prove(source, changed, at, keys), Unproven), index
    for other in (body + b" ", body[:-1], b""):
        if covered == len(body):
            changed = Request(request.method, request.url, request.headers, other)
            assert isinstance(prove(source, changed, at, keys), Unproven)


def relies_on(name: str) -> list[str]:
    """Return the headers of a sample that its proof rests on."""
    request, _ = ready(name)
    found = [header for header, _ in request.headers if SIGNED.search(header)]
    source = source_of(name)
    if source == "hubspot":
        return [
            header for header in found if header not in ("x-hubspot-signature", "x-hubspot-signature-version")
        ]
    return found


@pytest.mark.parametrize("name", [name for name in posts() if relies_on(name) and "datastream" not in name])
def test_any_changed_byte_of_a_signed_header_is_refused(sources: Registry, name: str) -> None:
    """Each character of each header that a proof rests on: changed, left out, added, and the header twice."""
    request, at = ready(name)
    source = sources.require(source_of(name))
    for header in relies_on(name):
        value = dict(request.headers)[header]
        others = [
            value[:index] + chr(ord(value[index]) ^ 1) + value[index + 1 :] for index in range(len(value))
        ]
        others += [
            value[:-1],
            value + "A",
            "",
            "é" + value,
            value.swapcase() if value.swapcase() != value else "x",
        ]
        for other in others:
            changed = with_headers(request, **{header: other})
            assert not isinstance(prove(source, changed, at), Proven), (header, other)
        twice = make(request.method, request.url, [*request.headers, (header, value)], request.body)
        assert not isinstance(prove(source, twice, at), Proven)


@pytest.mark.parametrize("name", [name for name in posts() if "datastream" in name])
def test_adobe_takes_either_signature_and_no_other(sources: Registry, name: str) -> None:
    """One valid signature is enough; with both broken, or a foreign key path, nothing is."""
    request, at = ready(name)
    source, keys = sources.require("marketo-stream"), adobe_keys()
    first, second = "x-adobe-digital-signature-1", "x-adobe-digital-signature-2"
    assert prove(source, with_headers(request, **{first: "AAAA"}), at, keys) == Proven()
    assert prove(source, with_headers(request, **{second: "AAAA"}), at, keys) == Proven()
    value = dict(request.headers)[first]
    for index in range(0, len(value), 11):
        other = value[:index] + chr(ord(value[index]) ^ 1) + value[index + 1 :]
        changed = with_headers(request, **{first: other, second: "AAAA"})
        assert isinstance(prove(source, changed, at, keys), Unproven), index
    for path in (
        "/prod/keys/../evil.pem",
        "//evil.example/prod/keys/pub-key-1.pem",
        "/prod/keys/pub-key-.pem?x",
    ):
        changed = with_headers(request, **{"x-adobe-public-key1-path": path, second: "AAAA"})
        assert isinstance(prove(source, changed, at, keys), Unproven)


def test_adobe_refuses_another_clients_events(tmp_path: Path) -> None:
    """Adobe signs for all its customers: an event that is addressed to another is not ours."""
    text = SOURCES.replace("client_id: test-client-id", "client_id: somebody-else")
    source = registry(tmp_path, text).require("marketo-stream")
    request, at = ready("marketo/datastream.fill-out-form-ja.headers.json")
    assert prove(source, request, at, adobe_keys()) == Unproven("signed, and addressed to another client")


def test_adobe_without_its_keys_is_unsure(sources: Registry) -> None:
    """Where keys cannot be fetched the sender may come again: a 401 would drop the event for good."""
    request, at = ready("marketo/datastream.fill-out-form-ja.headers.json")
    keys = adobe_keys()
    keys.is_away = True
    assert isinstance(prove(sources.require("marketo-stream"), request, at, keys), Unsure)


def test_fetched_keys_are_asked_for_once_an_hour() -> None:
    """A key is kept for an hour, a name that is not there for half a minute."""
    asked: list[str] = []
    time = [0.0]

    def fetch(path: str) -> bytes | None:
        asked.append(path)
        return b"pem" if path == "/here" else None

    keys = FetchedKeys(fetch, clock=lambda: time[0])
    assert [keys.get("/here"), keys.get("/here"), keys.get("/not"), keys.get("/not")] == [
        b"pem",
        b"pem",
        None,
        None,
    ]
    assert asked == ["/here", "/not"]
    time[0] = 31.0
    keys.get("/here")
    keys.get("/not")
    assert asked == ["/here", "/not", "/not"]
    time[0] = 3_601.0
    keys.get("/here")
    assert asked[3:] == ["/here"]


@pytest.mark.parametrize("name", [name for name in posts() if source_of(name) == "hubspot"])
def test_hubspot_time_and_address_count(sources: Registry, name: str) -> None:
    """Five minutes both ways; another address, method or escape is another request."""
    request, at = ready(name)
    source = sources.require("hubspot")
    for seconds, passes in ((299, True), (-299, True), (301, False), (-301, False), (86_400, False)):
        verdict = prove(source, request, at + timedelta(seconds=seconds))
        assert isinstance(verdict, Proven) == passes, seconds
    for url in (request.url + "?a=1", request.url.replace("https", "http"), request.url + "/"):
        assert isinstance(prove(source, Request("POST", url, request.headers, request.body), at), Unproven)
    assert isinstance(prove(source, Request("PUT", request.url, request.headers, request.body), at), Unproven)


def test_hubspot_decodes_what_hubspot_decodes(sources: Registry) -> None:
    """The URI is signed with its listed escapes decoded, and no others."""
    url = "https://leads.example.com/intake/hubspot?a=%3A%2F%21&b=%E3%83%AA"
    signed = "https://leads.example.com/intake/hubspot?a=:/!&b=%E3%83%AA"
    stamp = STAMP + "000"
    message = b"POST" + signed.encode() + b"[]" + stamp.encode()
    code = base64.b64encode(hmac.digest(SECRET.encode(), message, "sha256")).decode()
    headers = {"X-HubSpot-Signature-v3": code, "X-HubSpot-Request-Timestamp": stamp}
    assert prove(sources.require("hubspot"), make("POST", url, headers, b"[]"), NOW) == Proven()


def test_no_sender_chooses_a_weaker_scheme(sources: Registry) -> None:
    """Where v3 is asked, v1 alone is nothing; where v2 is asked, v1 and v3 are nothing; sha1 is not sha256."""
    request, at = ready("hubspot/contact.creation.headers.json")
    without_v3 = [(name, value) for name, value in request.headers if "v3" not in name]
    alone = make("POST", request.url, without_v3, request.body)
    assert prove(sources.require("hubspot"), alone, at) == Unproven("no signature v3")
    assert prove(sources.require("hubspot-workflow"), request, at) == Unproven("no signature v2")
    body = b'{"entry":[]}'
    sha1 = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    for headers in ({"X-Hub-Signature": f"sha1={sha1}"}, {"X-Hub-Signature-256": f"sha1={sha1}"}):
        assert isinstance(
            prove(sources.require("meta"), make("POST", "https://x/", headers, body), NOW), Unproven
        )


def test_segment_batch_is_proven_for_its_first_event_only(sources: Registry) -> None:
    """Without a second proof a batch is refused whole; with it, the first event's code still counts."""
    one = post("segment/track.batch.headers.json")
    alone = prove(sources.require("segment"), one.request, one.received_at)
    assert isinstance(alone, Unproven)
    assert "first event only" in alone.reason
    with_token, at = ready("segment/track.batch.headers.json")
    assert prove(sources.require("segment-batch"), with_token, at) == Proven()
    broken = with_headers(with_token, x_signature="0" * 40)
    assert isinstance(prove(sources.require("segment-batch"), broken, at), Unproven)
    assert isinstance(prove(sources.require("segment-batch"), one.request, at), Unproven)


def sign(message: bytes, algorithm: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.digest(key, message, algorithm)


BODY = b'{"event":"x"}'
HTTP_DATE = format_datetime(NOW, usegmt=True)
#: Schemes without a sample, computed as research/ma-platforms.md states them: proof, headers, tolerance.
COMPUTED: dict[str, tuple[str, dict[str, str], int | None]] = {
    "typeform": ("typeform", {"Typeform-Signature": "sha256=" + base64.b64encode(sign(BODY)).decode()}, None),
    "linkedin": ("linkedin", {"X-LI-Signature": sign(b"hmacsha256=" + BODY).hex()}, None),
    "intercom": ("intercom", {"X-Hub-Signature": "sha1=" + sign(BODY, "sha1").hex()}, None),
    "customerio": (
        "customerio",
        {"X-CIO-Signature": sign(b"v0:" + STAMP.encode() + b":" + BODY).hex(), "X-CIO-Timestamp": STAMP},
        300,
    ),
    "klaviyo": (
        "klaviyo",
        {"Klaviyo-Signature": sign(BODY + HTTP_DATE.encode()).hex(), "Klaviyo-Timestamp": HTTP_DATE},
        300,
    ),
    "calendly": (
        "calendly",
        {"Calendly-Webhook-Signature": f"t={STAMP},v1=" + sign(STAMP.encode() + b"." + BODY).hex()},
        180,
    ),
    "mailchimp": (
        "mailchimp",
        {"X-Mailchimp-Signature": f"t={STAMP},v1=" + sign(STAMP.encode() + b"." + BODY).hex()},
        300,
    ),
    "hmac": (
        (
            "{scheme: hmac, header: X-Sig, algorithm: sha512, encoding: base64, prefix: 'v1=',"
            " signed: '{timestamp}.{method}.{url}.{body}', timestamp: X-Time, tolerance_s: 60}"
        ),
        {
            "X-Sig": "v1="
            + base64.b64encode(
                sign(STAMP.encode() + b".POST.https://leads.example.com/intake/x." + BODY, "sha512")
            ).decode(),
            "X-Time": STAMP,
        },
        60,
    ),
    "standard_webhooks": (
        "standard_webhooks",
        {
            "webhook-id": "msg_1", "webhook-timestamp": STAMP,
            "webhook-signature": "v1,AAAA v1,"
            + base64.b64encode(
                sign(b"msg_1." + STAMP.encode() + b"." + BODY,
                     key=base64.b64decode(SECRETS["TASUKI_SECRET_STANDARD"].removeprefix("whsec_")))
            ).decode(),
        },
        300,
    ),
}  # fmt: skip


def source_with(folder: Path, proof: str, secrets: str = '["${TASUKI_SECRET}"]') -> Source:
    """Return a source of a generic platform with a proof."""
    text = f"sources:\n  x: {{platform: generic, mapping: zapier, secrets: {secrets}, proof: {proof}}}\n"
    return registry(folder, text).require("x")


@pytest.mark.parametrize("name", COMPUTED)
def test_scheme_signs_as_the_platform_states(tmp_path: Path, name: str) -> None:
    """The right code passes within the tolerance; any other byte, time or secret does not."""
    proof, headers, tolerance_s = COMPUTED[name]
    secrets = '["${TASUKI_SECRET_STANDARD}"]' if name == "standard_webhooks" else '["${TASUKI_SECRET}"]'
    source = source_with(tmp_path, proof, secrets)
    request = make("POST", "https://leads.example.com/intake/x", headers, BODY)
    assert prove(source, request, NOW) == Proven()
    for index in range(len(BODY)):
        other = BODY[:index] + bytes([BODY[index] ^ 1]) + BODY[index + 1 :]
        assert isinstance(prove(source, Request("POST", request.url, request.headers, other), NOW), Unproven)
    for header, value in request.headers:
        if value.startswith("v1,AAAA "):
            continue  # its first code is wrong already
        for index in range(len(value)):
            changed = with_headers(
                request, **{header: value[:index] + chr(ord(value[index]) ^ 1) + value[index + 1 :]}
            )
            assert isinstance(prove(source, changed, NOW), Unproven), (header, index)
        assert isinstance(prove(source, with_headers(request, **{header: ""}), NOW), Unproven)
    if tolerance_s is not None:
        for seconds in (tolerance_s + 1, -tolerance_s - 1):
            assert isinstance(prove(source, request, NOW + timedelta(seconds=seconds)), Unproven)
        for seconds in (tolerance_s - 1, 1 - tolerance_s):
            assert prove(source, request, NOW + timedelta(seconds=seconds)) == Proven()
    foreign = source_with(tmp_path, proof, '["${TASUKI_SECRET_OLD}"]')
    assert isinstance(prove(foreign, request, NOW), Unproven)


@pytest.mark.parametrize(
    "stamp", ["１７８９", " 1_000 ", "+5", "-5", "1e9", "10000000000000000000", "", "１", "nan", "١"]
)
def test_odd_timestamps_are_refused(tmp_path: Path, stamp: str) -> None:
    """What int() would take and no platform sends."""
    source = source_with(tmp_path, "customerio")
    code = sign(b"v0:" + stamp.encode() + b":" + BODY).hex()
    request = make("POST", "https://x/", {"X-CIO-Signature": code, "X-CIO-Timestamp": stamp}, BODY)
    assert isinstance(prove(source, request, NOW), Unproven)


def test_two_secrets_are_live_under_rotation(tmp_path: Path) -> None:
    """Both are taken while both are configured; the old one no longer once it is taken out."""
    both = source_with(tmp_path, "mautic", '["${TASUKI_SECRET}", "${TASUKI_SECRET_OLD}"]')
    new = make("POST", "https://x/", {"Webhook-Signature": base64.b64encode(sign(BODY)).decode()}, BODY)
    old_code = base64.b64encode(sign(BODY, key=SECRETS["TASUKI_SECRET_OLD"].encode())).decode()
    old = make("POST", "https://x/", {"Webhook-Signature": old_code}, BODY)
    assert [prove(both, one, NOW) for one in (new, old)] == [Proven(), Proven()]
    after = source_with(tmp_path, "mautic")
    assert prove(after, new, NOW) == Proven()
    assert isinstance(prove(after, old, NOW), Unproven)


TOKENS: dict[str, tuple[str, dict[str, str], str, bytes]] = {
    "header": ("header", {"X-Tasuki-Token": SECRET}, "https://x/", BODY),
    "bearer": (
        "{scheme: header, header: Authorization}",
        {"Authorization": f"Bearer {SECRET}"},
        "https://x/",
        BODY,
    ),
    "url": ("url", {}, f"https://x/?token={SECRET}", BODY),
    "url by name": ("{scheme: url, name: k}", {}, f"https://x/?k={SECRET}&z=1", BODY),
    "basic": (
        "basic",
        {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()},
        "https://x/",
        BODY,
    ),
    "body": ("body", {}, "https://x/", json.dumps({"google_key": SECRET}).encode()),
}


@pytest.mark.parametrize("name", TOKENS)
def test_word_that_both_sides_know(tmp_path: Path, name: str) -> None:
    """The right word passes; another, none, an empty one and the word twice do not."""
    proof, headers, url, body = TOKENS[name]
    source = source_with(tmp_path, proof)
    assert prove(source, make("POST", url, headers, body), NOW) == Proven()
    wrong = {
        key: value.replace(SECRET, SECRET[:-1] + "x").replace("dGVz", "dGVy")
        for key, value in headers.items()
    }
    other = (url.replace(SECRET, "x" + SECRET), body.replace(SECRET.encode(), b"test-secre"))
    assert isinstance(prove(source, make("POST", other[0], wrong, other[1]), NOW), Unproven)
    assert isinstance(prove(source, make("POST", "https://x/", {}, b"{}"), NOW), Unproven)
    assert isinstance(prove(source, make("POST", "https://x/?token=&k=", {"X-Tasuki-Token": "", "Authorization": ""}, b'{"google_key":""}'), NOW), Unproven)  # fmt: skip
    doubled = make("POST", f"{url}&token={SECRET}&k={SECRET}", [*headers.items(), *headers.items()], body)
    if name != "body":
        assert isinstance(prove(source, doubled, NOW), Unproven)


def test_salesforce_organization_is_compared(tmp_path: Path) -> None:
    """Where it is configured, another organization's message is refused; 15 and 18 characters are one."""
    one = post("salesforce/lead.outbound-message.ja.headers.json")
    found = re.search(rb"OrganizationId>(\w+)<", one.request.body)
    assert found is not None
    ours = found[1].decode()
    for organization, passes in ((ours, True), (ours[:15], True), ("00D" + "Z" * 12, False)):
        text = SOURCES.replace(
            "salesforce: {platform: salesforce,",
            f"salesforce: {{platform: salesforce, organization: {organization},",
        )
        source = registry(tmp_path, text).require("salesforce")
        assert isinstance(prove(source, one.request, one.received_at), Proven) == passes


def test_source_whose_secret_is_not_set_takes_nothing(tmp_path: Path) -> None:
    """It fails closed, and so that the sender comes again once it is set."""
    sources = registry(tmp_path, secrets={})
    for name in posts():
        request, at = ready(name)
        if "datastream" not in name:
            assert isinstance(prove(sources.require(source_of(name)), request, at), Unsure)


HOSTILE: list[Any] = [
    "é",
    "\ud800",
    "a" * 100_000,
    "\x00",
    ",,,,",
    "t=1,t=2,v1=a",
    "sha256=",
    "=",
    "v1,",
    "💥",
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_headers_are_unproven_and_raise_nothing(
    tmp_path: Path, sources: Registry, value: str
) -> None:
    """Whatever stands in a header, the verdict is a verdict."""
    known = list(sources.current().sources.values())
    known += [source_with(tmp_path, proof) for proof, _, _ in COMPUTED.values()]
    for source in known:
        for name in posts():
            request, at = ready(name)
            headers = [(header, value) for header, _ in request.headers]
            headers += [("webhook-id", value), ("webhook-timestamp", STAMP), ("authorization", value)]
            verdict = prove(
                source, make("POST", request.url.partition("?")[0], headers, request.body), at, adobe_keys()
            )
            assert isinstance(verdict, Unproven)
