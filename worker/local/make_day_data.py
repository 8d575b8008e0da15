"""Words of the demo's business day. Every person, company, number and address here is made up."""

from typing import Final

#: Family names and given names, as written and in Latin letters.
FAMILY_JA: Final = (
    "佐伯:saeki 高梨:takanashi 小野寺:onodera 相沢:aizawa 桐生:kiryu 深町:fukamachi 水谷:mizutani 長谷部:hasebe "
    "久保田:kubota 森下:morishita 大塚:otsuka 野々村:nonomura 宮原:miyahara 早川:hayakawa 津田:tsuda 黒木:kuroki "
    "岩瀬:iwase 沢村:sawamura 三枝:saegusa 日野:hino 成瀬:naruse 榊原:sakakibara 若林:wakabayashi 𠮷村:yoshimura "
    "髙橋:takahashi 渡邉:watanabe 菅野:kanno 樋口:higuchi 望月:mochizuki 白石:shiraishi 緒方:ogata 間宮:mamiya"
).split()
GIVEN_JA: Final = (
    "健太:kenta 美咲:misaki 直樹:naoki 由美子:yumiko 大輔:daisuke 彩:aya 隆:takashi 恵:megumi 翔太:shota 真理:mari "
    "和也:kazuya 優子:yuko 誠:makoto 綾香:ayaka 浩二:koji 千尋:chihiro 剛:tsuyoshi 奈緒:nao 拓海:takumi 久美:kumi "
    "洋平:yohei 沙織:saori 康弘:yasuhiro 麻衣:mai"
).split()
NAMES: Final = {
    "US": ("Avery Colton Dana Ellis Harper Jordan Morgan Reese Riley Taylor".split(),
           "Ashdown Barlowe Castellan Draycott Fenwright Halloran Kestrel Lockhart Merriday Penhale".split()),
    "GB": ("Alistair Beatrix Callum Edith Fergus Imogen Nigel Rosalind".split(),
           "Applegarth Brackenbury Cholmond Elderfield Hathersage Pemberley Thistlewood Wetherby".split()),
    "DE": ("Annika Bernd Heike Jörg Katrin Lukas Sabine Uwe".split(),
           "Ahrenfeld Brockmann Eisenlohr Grünwald Kesselring Möhring Steinhövel Vogtländer".split()),
    "SG": ("Aisyah Boon Cheryl Darren Hui Jia Kumar Wei".split(), "Chua Goh Koh Lim Nair Ong Rahim Tan".split()),
    "FR": ("Aurélie Benoît Camille Étienne Hélène Julien Mathilde Thibault".split(),
           "Aubrac Beaurivage Chantemerle Delacroisée Fontbrune Lormont Montclar Vauquelin".split()),
}  # fmt: skip

#: Coined stems of company names, and what they deal in: word, industry.
STEMS_JA: Final = (
    "青凪:aonagi 霧瀬:kirise 星見台:hoshimidai 雲居:kumoi 風早:kazahaya 藤波:fujinami 月ヶ瀬野:tsukigaseno 白鷺原:shirasagihara "
    "若葉橋:wakababashi 灯台前:todaimae 朝凪:asanagi 花筏:hanaikada 汐路:shioji 山吹川:yamabukigawa 水鏡:mizukagami "
    "宵宮:yoimiya 萩原野:hagiharano 涼風:suzukaze 陽だまり:hidamari 木漏日:komorebi 千早川:chihayagawa 深緑:shinryoku "
    "銀杏坂:ichozaka 虹ヶ浦:nijigaura 朧:oboro 松籟:shorai 雪待:yukimachi 夕映:yubae 麦秋:bakushu 初霜:hatsushimo"
).split()
TRADES_JA: Final = (
    "商事:卸売:shoji 製作所:製造:works 電機:製造:denki 物流:運輸:logi システムズ:情報通信:systems 建設:建設:kensetsu 食品:食品:foods "
    "化学:化学:kagaku 薬品:医薬:yakuhin 保険サービス:保険:hoken 百貨店:小売:depart 精工:製造:seiko 不動産:不動産:estate "
    "メディア:放送・出版:media エナジー:エネルギー:energy"
).split()
LEGAL_JA: Final = (
    "株式会社{}",
    "株式会社{}",
    "株式会社{}",
    "{}株式会社",
    "{}株式会社",
    "(株){}",
    "㈱{}",
    "有限会社{}",
    "合同会社{}",
)
#: Other ways in which people write the same company.
VARIANTS_JA: Final = {"株式会社{}": ("㈱{}", "(株){}", "株式会社　{}"), "{}株式会社": ("{}㈱", "{}(株)")}
COMPANIES: Final = {
    "US": "Blue Quarry Robotics Inc.|Lumen Ridge Software LLC|Cedar Hollow Freight Inc.|Marrow Creek Foods Corp.|"
          "Tallgrass Insurance Group Inc.|Copperline Health LLC|Fox & Anvil Tools Co.|Juniper Flats Energy Inc.",
    "GB": "Harbourline Logistics Ltd|Redfern & Vale plc|Thornmill Textiles Ltd|Greywater Analytics Ltd|"
          "Oxbow Retail Group plc|Larkfield Instruments Ltd",
    "DE": "Nordlicht Maschinenbau GmbH|Eichenhain Logistik AG|Silbertal Chemie GmbH|Kranichsee Versicherung AG|"
          "Weißbach Feinwerktechnik GmbH & Co. KG",
    "SG": "Straitwind Freight Pte. Ltd.|Orchid Quay Trading Pte Ltd|Kallang Bay Components Pte. Ltd.|"
          "Temasik Foods Holdings Pte Ltd",
    "FR": "Clairval Systèmes SAS|Ateliers de la Brume SA|Grandpré Distribution SARL|Verrières Océanes SAS",
}  # fmt: skip
PREFECTURES: Final = (
    "東京都 東京都 東京都 東京都 大阪府 大阪府 神奈川県 神奈川県 愛知県 愛知県 福岡県 北海道 埼玉県 千葉県 京都府 兵庫県 広島県 静岡県 "
    "宮城県 石川県 岡山県 沖縄県"
).split()
REGIONS: Final = {
    "US": "California Texas Illinois Ohio".split(), "GB": "London Manchester Leeds".split(),
    "DE": "Berlin Bayern Hamburg Hessen".split(), "SG": ["Singapore"], "FR": "Paris Lyon Nantes".split(),
}  # fmt: skip
COUNTRY_NAMES: Final = {
    "JP": "Japan", "US": "United States", "GB": "United Kingdom", "DE": "Germany", "SG": "Singapore", "FR": "France",
}  # fmt: skip
LOCALES: Final = {"JP": "ja_JP", "US": "en_US", "GB": "en_GB", "DE": "de_DE", "SG": "en_SG", "FR": "fr_FR"}
#: Numbers kept for fiction where a country has some, else of a shape that is never given out.
PHONES: Final = {
    "JP": "0{}-0000-{:04}", "US": "+1 212 555 01{:02}", "GB": "+44 20 7946 0{:03}", "DE": "+49 30 23125 {:03}",
    "SG": "+65 0000 {:04}", "FR": "+33 1 99 00 {:02} {:02}",
}  # fmt: skip

#: Titles by what they show: deciders, those below them, and those who buy nothing. Department, then rank.
TITLES: Final = {
    "decider": {
        "JP": "情報システム部 部長|情報システム部長|執行役員 CIO|情報システム部 課長|DX推進室 室長|経理部長|経理課長|総務部 部長|人事部 課長|"
              "取締役 管理本部長|財務経理部 部長|ITインフラ部 マネージャー|情報システム本部長|総務課長",
        "US": "CIO|Director of IT|VP Operations|IT Manager|Head of Finance",
        "GB": "Head of IT|Operations Director|Finance Director|IT Manager",
        "DE": "Leiter IT|IT-Leiter|Leiterin Finanzen|Head of IT Operations|Geschäftsführer",
        "SG": "Operations Manager|Head of IT|Finance Manager|Regional IT Director",
        "FR": "Directeur des systèmes d'information|Responsable informatique|Directrice financière|IT Manager",
    },
    "staff": {
        "JP": "営業部 主任|マーケティング部 担当|企画課 係長|開発部 エンジニア|購買課長|総務部 主任|情報システム部 担当|広報|営業課長|店長|"
              "代表取締役|製造部 係長|人事部 主任|法務部|",
        "US": "Marketing Coordinator|Sales Manager|Software Engineer|Founder|Account Executive",
        "GB": "Marketing Assistant|Procurement Officer|Sales Lead|Analyst",
        "DE": "Vertriebsmitarbeiter|Marketing Manager|Entwicklerin|Einkäufer",
        "SG": "Sales Executive|Marketing Specialist|Business Analyst",
        "FR": "Chargée de marketing|Commercial|Ingénieur développement|Acheteuse",
    },
    "student": {"JP": "学生|大学院生|学生（情報工学科）", "US": "Student", "GB": "Student", "DE": "Student",
                "SG": "Student", "FR": "Student"},
}  # fmt: skip

#: Head counts: as numbers, and as the ranges that forms offer.
SIZES: Final = {
    "large": (320, 480, 750, 1200, 2600, 5400, 12000),
    "small": (3, 8, 14, 25, 42, 60, 90, 140, 220),
}
RANGES: Final = (
    (1000, "1,000名以上"),
    (501, "501-1000"),
    (301, "301〜500名"),
    (101, "101-300"),
    (51, "51～100人"),
    (1, "1-50"),
)

#: How leads behave: how many, who, share with a history, what they did before, what they do today.
#: An act is kind:least-most; before, with the days ago as :from-to.
BEHAVIOURS: Final = {
    "hand_raiser": (25, "decider", 0.5, "page_view:0-1:3-30 whitepaper_download:0-1:5-40",
                    "page_view:0-1 pricing_view:1-1 HAND:1-1"),
    "asker": (9, "staff", 0.3, "page_view:1-1:1-20", "page_view:0-1 HAND:1-1"),
    "evaluator": (46, "decider", 1.0,
                  "webinar_attended:1-1:2-12 whitepaper_download:1-2:1-10 case_study_view:1-2:1-14 pricing_view:1-1:1-6",
                  "case_study_view:1-2 pricing_view:2-2 page_view:0-1"),
    "early": (53, "decider", 0.7, "newsletter_signup:1-1:20-58 page_view:0-1:2-50 email_open:0-1:2-30",
              "email_open:0-1 page_view:1-1 case_study_view:0-1"),
    "newsletter": (100, "staff", 0.6, "newsletter_signup:1-1:15-59 email_open:0-1:1-45", "email_open:1-1 email_click:0-1"),
    "downloader": (86, "staff", 0.3, "page_view:1-1:1-40 whitepaper_download:0-1:10-55",
                   "whitepaper_download:1-1 page_view:0-1"),
    "browser": (58, "staff", 0.2, "page_view:1-2:1-30", "page_view:1-1"),
    "misfit": (7, "staff", 1.0, "webinar_attended:1-1:3-30 page_view:1-1:1-20", "pricing_view:1-1 page_view:0-1"),
    "student": (17, "student", 0.0, "", "whitepaper_download:1-1 page_view:0-1"),
    "job_seeker": (15, "staff", 0.0, "", "careers_view:3-4 page_view:0-1"),
    "competitor": (6, "decider", 0.0, "", "pricing_view:1-2 whitepaper_download:1-1"),
}  # fmt: skip
HANDS: Final = ("demo_request", "demo_request", "contact_request", "contact_request", "quote_request")

PAGES: Final = {
    "page_view": ("/", "/product/workflow", "/product/expense", "/company", "/blog/2026-11-close-faster"),
    "pricing_view": ("/pricing", "/pricing/enterprise"), "case_study_view": ("/cases/logistics", "/cases/manufacturing"),
    "careers_view": ("/careers", "/careers/engineer", "/careers/sales"),
}  # fmt: skip
FORMS: Final = {
    "whitepaper_download": ("資料ダウンロード", "download", "/resources/guide"), "newsletter_signup": ("メルマガ登録", "newsletter", "/newsletter"),
    "demo_request": ("デモのお申し込み", "demo", "/demo"), "contact_request": ("お問い合わせ", "contactja", "/contact"),
    "quote_request": ("お見積もり依頼", "quote", "/quote"),
}  # fmt: skip
TRACKS: Final = {
    "page_view": "Page Viewed", "pricing_view": "Pricing Viewed", "case_study_view": "Case Study Viewed",
    "careers_view": "Careers Viewed", "whitepaper_download": "Whitepaper Downloaded", "email_open": "Email Opened",
    "newsletter_signup": "Newsletter Subscribed", "demo_request": "Demo Requested", "email_click": "Email Link Clicked",
    "contact_request": "Contact Requested", "quote_request": "Quote Requested", "unsubscribe": "Unsubscribed",
}  # fmt: skip
CAMPAIGNS: Final = ("2026秋 展示会", "経費精算ガイド", "Autumn newsletter", "", "", "")

#: Deliveries that cannot be understood: what is wrong, platform, bytes. AT is a time of the day, LAST the next.
BROKEN: Final = (
    ("not JSON", "canonical", '{"id":"bad-01","source":"web","type":"lead.activity","time":"AT","data":{"email":"a@ex'),
    ("unknown type", "canonical", '{"id":"bad-02","source":"web","type":"lead.teleported","time":"AT","data":{"email":"b02@example.com"}}'),
    ("no identity", "canonical", '{"id":"bad-03","source":"web","type":"lead.activity","time":"AT","data":{"activity":"page_view"}}'),
    ("NaN", "canonical", '{"id":"bad-04","source":"web","type":"lead.captured","time":"AT","data":{"email":"b04@example.com","employees":NaN}}'),
    ("NUL escape", "canonical", '{"id":"bad-05","source":"web","type":"lead.captured","time":"AT","data":{"email":"b05@example.com","company":"A\\u0000B"}}'),
    ("wrong type", "canonical", '{"id":"bad-06","source":"web","type":"lead.captured","time":"AT","data":{"email":"b06@example.com","employees":{"from":100}}}'),
    ("future time", "canonical", '{"id":"bad-07","source":"web","type":"lead.captured","time":"2027-11-24T10:00:00+09:00","data":{"email":"b07@example.com"}}'),
    ("ancient time", "canonical", '{"id":"bad-08","source":"web","type":"lead.captured","time":"1970-01-01T09:00:00+09:00","data":{"email":"b08@example.com"}}'),
    ("bare string", "canonical", '"hello"'),
    ("bidi character", "canonical", '{"id":"bad-10","source":"web","type":"lead.captured","time":"AT","data":{"email":"b10@example.com","name":"\\u202eadmin"}}'),
    ("empty email", "canonical", '{"id":"bad-11","source":"web","type":"lead.activity","time":"AT","data":{"email":"","activity":"form_submit"}}'),
    ("not JSON", "mautic", '{"mautic.form_on_submit":[{"submission":{"id":90,"form":{"id":4,"name":"\\u304a\\u554f'),
    ("not JSON", "marketo", '{"leadId":"318999","company":"Fox "&" Anvil","email":"b13@example.com","updatedAt":"AT"}'),
    ("no Mautic event", "mautic", '{"status":"ok"}'),
)  # fmt: skip
