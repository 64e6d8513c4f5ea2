"""What a fictional company publishes: quiet periodic reports, and news with the keywords of the red flags."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vettr_cron.datasets.fiction.company import Company, Draw, pick
from vettr_cron.models.types import Row

_SPAN_DAYS = 730


class Template(NamedTuple):
    """A filing with placeholders for the company's name and a small number."""

    type: str
    title: str
    summary: str | None
    is_material: bool = False


QUIET: Sequence[Template] = (
    Template("Interim Financial Statements", "Interim financial statements, quarter {figure}", None),
    Template("MD&A", "Management's discussion and analysis", "Results of operations for the quarter."),
    Template("Annual Report", "Annual report to shareholders", "Audited results and the letter of the chair.", True),
    Template("Annual Information Form", "Annual information form", None),
    Template("News Release", "{name} announces date of annual meeting", None),
    Template("News Release", "{name} provides operational update", "Work continues at site {figure} as planned."),
    Template("News Release", "{name} appoints new director", "The board now has {figure} members.", True),
    Template("News Release", "{name} reports assay results from {figure} holes", "Samples were sent to two labs."),
    Template("Management Information Circular", "Information circular for the annual meeting", None),
)
DEALS: Sequence[Template] = (
    Template(
        "News Release", "{name} announces acquisition of the {figure} Mile project", "Closing is expected soon.", True
    ),
    Template("Material Change Report", "Merger agreement signed", "Shareholders will vote on the merger.", True),
    Template("News Release", "{name} agrees to acquire a competitor", "An all-share takeover of a private firm.", True),
    Template("Material Change Report", "Share consolidation", "One new share for every {figure} old ones.", True),
    Template("News Release", "{name} completes amalgamation", None, True),
)
MONEY_RAISED: Sequence[Template] = (
    Template(
        "News Release", "{name} closes private placement of ${figure} million", "Each unit has half a warrant.", True
    ),
    Template("Prospectus", "Short form base shelf prospectus", "The offering is made in all provinces.", True),
    Template("News Release", "{name} announces bought deal", "Gross proceeds of ${figure} million.", True),
    Template("Report of Exempt Distribution", "Form 45-106F1", "Subscription receipts were issued."),
    Template("News Release", "{name} upsizes non-brokered financing", None, True),
)
DEBTS: Sequence[Template] = (
    Template("Material Change Report", "Amended credit agreement", "The covenant on net worth was waived.", True),
    Template("News Release", "{name} draws on loan facility", "Borrowing rises to ${figure} million.", True),
    Template("News Release", "{name} begins restructuring", "Talks with holders of its debt go on.", True),
    Template("Material Change Report", "Notice of default", "An interest payment was missed.", True),
)
GROWTH: Sequence[Template] = (
    Template("News Release", "{name} reports record revenue", "Revenue growth of {figure} per cent.", True),
    Template("News Release", "{name} reports strong quarter", "The company turned a profit."),
    Template("News Release", "{name} generates positive cash flow", None),
)


def filings(company: Company, midnight: datetime, draw: Draw) -> Iterator[Row]:
    """3 to 12 filings from the last two years, more of them recent; the newest is `quiet_days` old."""
    indebted = 0.5 * draw() ** 3
    for place in range(3 + int(10 * draw())):
        kind, title, summary, is_material = pick(_mood(company, indebted, draw), draw)
        age = (
            company.quiet_days + int((_SPAN_DAYS - company.quiet_days) * draw() ** 1.7) if place else company.quiet_days
        )
        figure = 2 + int(28 * draw())
        yield {
            "ticker": company.ticker,
            "type": kind,
            "title": title.format(name=company.name, figure=figure),
            "date": midnight - timedelta(days=age) + timedelta(minutes=11 * 60 + int(600 * draw())),
            "summary": summary.format(figure=figure) if summary else None,
            "is_material": is_material,
            "source_url": f"https://filings.example/{company.ticker}/{place + 1}" if draw() < 0.8 else None,
        }


def _mood(company: Company, indebted: float, draw: Draw) -> Sequence[Template]:
    roll = draw()
    for share, templates in (
        (0.35 * company.turmoil, DEALS),
        (0.1 + 0.4 * company.turmoil, MONEY_RAISED),
        (indebted, DEBTS),
        (0.2 * company.strength if company.sells else 0.0, GROWTH),
    ):
        if roll < share:
            return templates
        roll -= share
    return QUIET
