"""The executives of a fictional company, and what its insiders buy and sell."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from vettr_cron.datasets.fiction.company import Company, Draw, pick, rounded_money
from vettr_cron.models.types import Row

_GIVEN = (
    *("Adele", "Amir", "Anika", "Bram", "Carla", "Chen", "Clara", "Dario", "Devon", "Elena", "Emeka", "Farah", "Felix"),
    *("Greta", "Hana", "Hugo", "Imran", "Ines", "Jonas", "Keiko", "Lars", "Leila", "Luca", "Marta", "Mei", "Milan"),
    *(
        "Nadia",
        "Noor",
        "Olive",
        "Oscar",
        "Petra",
        "Priya",
        "Rafael",
        "Rosa",
        "Samir",
        "Sofia",
        "Tomas",
        "Vera",
        "Yusuf",
    ),
)
_FAMILY = (
    *(
        "Abara",
        "Bergstrom",
        "Castellano",
        "Dumont",
        "Eriksen",
        "Fairweather",
        "Galloway",
        "Hartmann",
        "Ibarra",
        "Jansen",
    ),
    *("Kowalczyk", "Lindqvist", "Macallister", "Nakagawa", "Okonkwo", "Pelletier", "Quintero", "Rasmussen", "Sandhu"),
    *("Thibault", "Underhill", "Varga", "Whitlock", "Xu", "Yilmaz", "Zielinski", "Ashdown", "Beaulieu", "Corrigan"),
)
_TITLES = (
    "Chief Executive Officer",
    "Chief Financial Officer",
    "Chief Operating Officer",
    "Vice President, Corporate Development",
    "Director",
    "Corporate Secretary",
)
_EARLIER = (
    *(
        "Altamont Partners",
        "Blue Heron Mining",
        "Carrick & Sons",
        "Dunmore Capital",
        "Eastgate Energy",
        "Fernhill Labs",
    ),
    *(
        "Gullwing Systems",
        "Hazelwood Foods",
        "Inverness Gold",
        "Jasper Analytics",
        "Kilbride Shipping",
        "Lonsdale Bank",
    ),
    *("Marrow Bay Fisheries", "Northgate Software", "Orchard Biotech", "Pemberton Group", "Quayside Holdings"),
    *("Rookwood Metals", "Saltmarsh Power", "Tern Island Resources"),
)
_EDUCATION = (
    *("MBA, Lakehead School of Business", "B.Sc. Geology", "B.Comm., CPA", "PhD, Molecular Biology", "M.Sc., P.Geo"),
    *("Bachelor of Arts", "B.Eng., P.Eng", "Diploma in Accounting", "CFA charterholder", "Master of Engineering"),
    *("Certificate in Corporate Governance", "Studied law", "Doctorate in Economics", "Self-taught", "CPA, CA"),
)
_SPECIALIZATIONS = (
    *("Capital markets", "Exploration", "Mergers and acquisitions", "Engineering", "Clinical development"),
    *("Corporate law", "Audit", "Sales", "Operations"),
)
_TRANSACTIONS = (
    *("Purchase at price {price} per share.", "Acquisition in the public market", "Buy in the open market") * 2,
    *("Sale at price {price} per share.", "Disposition in the public market") * 2,
    *("Stock Award(Grant) at price 0.00 per share.", "Exercise of options", "Stock Gift"),
)
_SPAN_DAYS = 365


def executives(company: Company, draw: Draw) -> Iterator[Row]:
    """1 to 6 executives, from the chief executive down."""
    for place in range(1 + int(6 * draw())):
        given, family = pick(_GIVEN, draw), pick(_FAMILY, draw)
        handle = f"{given}-{family}".lower()
        yield {
            "ticker": company.ticker,
            "name": f"{given} {family}",
            "title": _TITLES[place],
            "years_at_company": _years(company, draw),
            "previous_companies": [pick(_EARLIER, draw) for _ in range(int(5 * draw() ** 1.5))],
            "education": pick(_EDUCATION, draw) if draw() < 0.8 else None,
            "specialization": pick(_SPECIALIZATIONS, draw) if draw() < 0.7 else None,
            "social_linkedin": f"https://social.example/in/{handle}" if draw() < 0.6 else None,
            "social_twitter": f"https://social.example/{handle}" if draw() < 0.25 else None,
        }


def _years(company: Company, draw: Draw) -> float:
    """0 means unknown to the platform; less than a year means a new executive."""
    if draw() < 0.04:
        return 0.0
    if draw() < 0.5 * company.turmoil:
        return round(0.1 + 0.85 * draw(), 1)
    return round(1 + 24 * draw() ** 2 * (0.3 + company.strength), 1)


def insider_transactions(company: Company, midnight: datetime, draw: Draw) -> Iterator[Row]:
    """0 to 6 transactions from the last year, two in five within the last 60 days."""
    for _ in range(int(7 * draw())):
        shares = 100 * (1 + int(5000 * draw() ** 4))
        text = pick(_TRANSACTIONS, draw)
        yield {
            "ticker": company.ticker,
            "filer_name": f"{pick(_FAMILY, draw)} {pick(_GIVEN, draw)}".upper(),
            "filer_relation": pick(("Officer", "Director", "10% Owner", None), draw),
            "transaction_date": midnight - timedelta(days=1 + int(_SPAN_DAYS * draw() ** 2)),
            "transaction_text": text.format(price=f"{company.price:.2f}"),
            "ownership": "D" if draw() < 0.8 else "I",
            "shares": shares,
            "value": rounded_money(shares * company.price) if draw() < 0.85 else None,
        }
