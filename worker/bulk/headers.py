"""What the columns of a list mean: the names that people and tools give them, in Japanese and English."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.errors import Refused
from schemas.event import EventData

#: Columns that say no field of `data`: the envelope, and permissions (`no_*` is the opposite, as in opt-out).
ENVELOPE: Final = ("event_id", "source", "type", "time", "subject")
CONSENT: Final = ("consent_email", "consent_phone", "consent_all", "no_email", "no_phone", "no_all")
#: What a column may be called by `--column`.
TARGETS: Final = (*(name for name in EventData.model_fields if name != "consent"), *ENVELOPE, *CONSENT)

# Field -> the usual names of its column, by commas; spaces, signs, width and case do not count.
_NAMES: Final = {
    "email": "メールアドレス,メール,eメール,eメールアドレス,電子メール,電子メールアドレス,会社メールアドレス,e-mail,email,email address,mail,mail address,work email,business email",
    "name": "氏名,お名前,名前,フルネーム,担当者,担当者名,ご担当者名,ご担当者様名,来場者名,参加者名,name,full name,contact name",
    "family_name": "姓,苗字,名字,氏,last name,surname,family name",
    "given_name": "名,first name,given name",
    "company": "会社,会社名,企業名,法人名,社名,貴社名,御社名,勤務先,勤務先名,所属,所属企業,所属会社,団体名,組織名,取引先名,company,company name,account name,organization,organisation",
    "department": "部署,部署名,所属部署,所属部署名,部門,部門名,部課名,department,division",
    "title": "役職,役職名,職位,肩書,肩書き,title,job title,position",
    "phone": "電話番号,電話,tel,電話番号(会社),会社電話番号,連絡先電話番号,直通,直通電話,携帯,携帯電話,携帯番号,携帯電話番号,phone,phone number,telephone,mobile,mobile phone,business phone",
    "employees": "従業員数,従業員規模,社員数,企業規模,会社規模,employees,number of employees,no. of employees,num employees,company size",
    "industry": "業種,業界,industry",
    "country": "国,国名,country,country/region",
    "region": "都道府県,都道府県名,prefecture,state,state/province,state/region,region",
    "postal_code": "郵便番号,〒,zip,zip code,postal code,postcode",
    "company_domain": "ホームページ,hp,会社url,企業url,url,webサイト,website,web site,company website,company domain,domain,ドメイン",
    "corporate_number": "法人番号,corporate number",
    "language": "言語,language,preferred language",
    "campaign": "キャンペーン,キャンペーン名,施策名,イベント名,展示会名,campaign,campaign name",
    "account_owner": "account owner",
    "activity": "行動,activity",
    "opportunity": "商談id,案件id,opportunity,opportunity id",
    "amount": "金額,受注金額,商談金額,amount",
    "currency": "通貨,currency,currency code",
    "reason": "失注理由,reason,loss reason",
    "time": "日時,日付,登録日,登録日時,作成日,作成日時,来場日,来場日時,名刺交換日,回答日時,申込日,申込日時,送信日時,受付日時,タイムスタンプ,time,date,timestamp,created,created at,created date,create date,occurred at,submitted at",
    "subject": "id,リードid,顧客id,コンタクトid,会員id,見込み客id,管理番号,subject,lead id,contact id,record id,prospect id,vid",
    "event_id": "event id",
    "source": "source",
    "type": "type,event type",
    "consent_email": "メール配信可否,メール配信許可,メール許諾,メルマガ購読,メルマガ希望,オプトイン,opt in,optin,email opt in,email consent,marketing consent",
    "consent_phone": "電話可否,電話許諾,phone consent",
    "no_email": "メール配信停止,配信停止,メール不可,オプトアウト,opt out,optout,email opt out,unsubscribed,has opted out of email,unsubscribed from all email",
    "no_phone": "電話不可,電話禁止,do not call,donotcall",
    "no_all": "連絡不可,連絡禁止,do not contact",
}  # fmt: skip
#: Columns that our own file of rejects adds.
REJECT_COLUMNS: Final = ("tasuki_line", "tasuki_field", "tasuki_reason", "tasuki_mend")
_NOISE: Final = re.compile(r"[\s_\-*※:;.、。・'\"]+|[(【\[](?:必須|任意|required|optional)[)】\]]")


def normal_header(text: str) -> str:
    """Return a column's name without what differs between tools: width, case, spaces, signs, 必須."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).lower())


_KNOWN: Final = {
    normal_header(name): target for target, names in _NAMES.items() for name in (target, *names.split(","))
}


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of a file says."""

    #: Field -> its columns; of several the first that says something counts.
    of: dict[str, list[str]] = field(default_factory=dict)
    #: Columns that nobody reads.
    unused: list[str] = field(default_factory=list)


def recognise(names: Sequence[str], told: Mapping[str, str]) -> Columns:
    """Return what the columns mean, by what was told and then by their names.

    With a column `type` the file holds events as they are, and `id` names the event; else it names the person.

    Raises:
        Refused: no column names a person, or what was told is not there.

    """
    found = Columns()
    by_name = {normal_header(name): name for name in names if name}
    chosen: dict[str, str] = {}
    for name, target in told.items():
        column = by_name.get(normal_header(name))
        if column is None:
            raise Refused(f"--column {name}={target}: the file has no such column; it has {', '.join(names)}")
        if target and target not in TARGETS:
            raise Refused(
                f"--column {name}={target}: no field is called {target}; known are {', '.join(TARGETS)}"
            )
        chosen[column] = target
    is_events = any(chosen.get(name, _KNOWN.get(normal_header(name))) == "type" for name in names)
    for name in names:
        means = chosen.get(name, _meaning(name, is_events=is_events))
        if means:
            found.of.setdefault(means, []).append(name)
        elif name and name not in REJECT_COLUMNS:
            found.unused.append(name)
    if not {"email", "subject", "opportunity"} & found.of.keys():
        raise Refused(
            "no column names a person: there must be one such as メールアドレス, email or ID. If it is called"
            ' otherwise, say --column "COLUMN=email"; if the header stands further down, say --header-line N.'
            f" The columns are: {', '.join(name for name in names if name)[:500]}"
        )
    return found


def _meaning(name: str, *, is_events: bool) -> str | None:
    normal = normal_header(name)
    return "event_id" if normal == "id" and is_events else _KNOWN.get(normal)


def read_told(pairs: Sequence[str]) -> dict[str, str]:
    """Read `COLUMN=field` pairs; `COLUMN=` says that a column is not to be read.

    Raises:
        Refused: a pair has no `=`.

    """
    told = {}
    for pair in pairs:
        name, sign, target = pair.rpartition("=")
        if not sign or not name.strip():
            raise Refused(f"--column {pair}: write COLUMN=field, such as ご担当=name")
        told[name.strip()] = target.strip()
    return told
