"""Job titles in Japanese and English: seniority and function, from tables read in order."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

#: Told apart before all else: who works for an executive is none.
_NOT_ITS_HOLDER: Final = re.compile(
    r"(?:社長|会長|役員|取締役|部長)(?=室|秘書|付)|(?:assistant|secretary) to (?:the )?[a-z ]+|product owner"
)
#: The first that is found decides, so 部長代理 and 副社長 stand before 部長 and 社長.
_SENIORITY: Final = (
    ("director", r"\b[se]?vp\b|vice president"),
    (
        "executive",
        (
            r"代表|取締役|社長|会長|執行役員|役員(?!秘書)|理事長|専務|常務|監査役|オーナー|president|founder|\bowner\b"
            r"|\b(?:ceo|cto|cio|cfo|coo|cmo|ciso|cdo|cro|cpo)\b|chief [a-z ]*officer|executive officer|managing director"
        ),
    ),
    ("manager", r"(?:部長|室長|部門長|センター長)(?:代理|補佐)|副部長|次長|課長代理|課長補佐|section chief"),
    ("director", r"本部長|事業部長|統括|director|局長|工場長|支社長|支店長"),
    ("head", r"部長|室長|部門長|センター長|所長|head of|\bhead\b"),
    ("senior", r"サブリーダー"),
    ("manager", r"課長|マネー?ジャ|manager|\bmgr\b|グループ長|リーダー|係長|team lead|\blead\b"),
    ("senior", r"主任|主査|主幹|主席|senior|specialist|スペシャリスト|principal"),
    (
        "staff",
        r"担当|スタッフ|社員|associate|staff|analyst|coordinator|assistant|(?<!chief )engineer|エンジニア|一般",
    ),
)
_FUNCTION: Final = (
    ("marketing", r"マーケ|宣伝|広報|販促|marketing|\bcmo\b|demand gen|growth"),
    ("sales", r"営業|セールス|sales|business development"),
    (
        "it",
        (
            r"情報システム|情シス|情報|システム|\bit\b|\bdx\b|デジタル|\b(?:cio|cto|ciso)\b|インフラ|chief information"
            r"|information (?:systems|technology)|security"
        ),
    ),
    ("finance", r"経理|財務|会計|finance|accounting|\bcfo\b|controller"),
    ("hr", r"人事|採用|労務|human resources|\bhr\b|people"),
    ("purchasing", r"購買|調達|資材|procurement|purchasing"),
    ("legal", r"法務|legal|compliance"),
    ("general_affairs", r"総務|庶務|general affairs"),
    ("engineering", r"開発|技術|設計|研究|r&d|engineer|エンジニア|development"),
    (
        "operations",
        r"業務|物流|生産|製造|工場|品質|operations|\bops\b|\bcoo\b|factory|plant|logistics|supply chain",
    ),
    ("management", r"経営|企画|代表|社長|取締役|strategy|\bceo\b|founder|(?<!vice )president"),
)
# ASCII: \b parts IT from 部長 in IT部長, since only ASCII letters then make a word.
_SENIORITY_RULES: Final = tuple((value, re.compile(pattern, re.ASCII)) for value, pattern in _SENIORITY)
_FUNCTION_RULES: Final = tuple((value, re.compile(pattern, re.ASCII)) for value, pattern in _FUNCTION)
#: A title longer than this is not one; the rest is not read.
_MAX_TITLE: Final = 200


@lru_cache(maxsize=65_536)
def read(title: str, department: str = "") -> tuple[str | None, str | None]:
    """Return seniority and function of a title, each None when it is not known.

    >>> read("情報システム部 部長")
    ('head', 'it')
    """
    text = unicodedata.normalize("NFKC", title[:_MAX_TITLE]).lower()
    held = _NOT_ITS_HOLDER.sub(_rest, text)
    seniority = next((value for value, rule in _SENIORITY_RULES if rule.search(held)), None)
    where = f"{unicodedata.normalize('NFKC', department[:_MAX_TITLE]).lower()} {held}"
    function = next((value for value, rule in _FUNCTION_RULES if rule.search(where)), None)
    return seniority, function


def _rest(found: re.Match[str]) -> str:
    """Return what such a title says of its holder's own rank."""
    return "assistant" if found[0].startswith(("assistant", "secretary")) else " "
