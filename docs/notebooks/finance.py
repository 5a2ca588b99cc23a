"""A marimo notebook on finance.duckdb: how to start it is in README.md beside it. It only reads."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="seatledger: finance")


@app.cell
def opening():
    import html
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo
    import polars as pl

    home = Path(mo.cli_args().get("home") or os.environ.get("SEATLEDGER_HOME") or "warehouse")
    finance = home / "finance.duckdb"
    mo.stop(
        not finance.exists(),
        mo.callout(
            mo.md(f"`{html.escape(str(finance))}` is not there. Start with `seatledger demo`, or name the home: `-- --home DIR`."),
            kind="warn",
        ),
    )

    def ask(sql: str, **values: object) -> pl.DataFrame:
        """The rows of a query. Opened anew each time, so that what a run has published meanwhile is seen."""
        with duckdb.connect(str(finance), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.sql(sql, params=values or None).pl()

    return alt, ask, finance, html, mo, pl


@app.cell
def choices(ask, mo):
    months = [f"{month:%Y-%m}" for month in ask("select distinct month from mrr_movements order by month desc")["month"]]
    currencies = ask("select currency from currencies order by currency")["currency"].to_list()
    mo.stop(not months, mo.callout("Nothing has been billed yet.", kind="warn"))
    month = mo.ui.dropdown(months, value=months[0], label="Month")
    currency = mo.ui.dropdown(currencies, value=currencies[0], label="Currency")
    return currency, month


@app.cell
def title(currency, finance, html, mo, month):
    mo.vstack(
        [
            mo.md("# Recurring revenue, seats and invoices"),
            mo.hstack([month, currency, mo.md(f"<small>{html.escape(str(finance))}</small>")], justify="start", gap=2, align="center"),
        ]
    )
    return


@app.cell
def chosen(currency, month):
    at = {"month": f"{month.value}-01", "currency": currency.value}
    return (at,)


@app.cell
def figures(ask, at, currency, mo):
    revenue = ask(
        """select coalesce(sum(closing), 0) as closing, coalesce(sum(opening), 0) as opening
           from mrr_movements_v where month = $month::date and currency = $currency""",
        **at,
    ).row(0, named=True)
    invoiced = ask(
        """select count(*) as invoices, coalesce(sum(amount_due), 0) as due from invoices_v
           where date_trunc('month', invoice_on) = $month::date and currency = $currency""",
        **at,
    ).row(0, named=True)
    deferred = ask(
        """select coalesce(sum(deferred), 0) as deferred from revenue_schedule_v
           where month = $month::date and invoice_on <= last_day($month::date) and currency = $currency""",
        **at,
    ).item()
    held = ask("select count(distinct workspace_id) from holds").item()
    change = revenue["closing"] - revenue["opening"]
    mo.hstack(
        [
            mo.stat(
                f"{revenue['closing']:,}",
                label="Monthly recurring revenue",
                caption=f"{change:+,} in the month",
                direction="increase" if change > 0 else "decrease" if change < 0 else None,
                bordered=True,
            ),
            mo.stat(
                f"{invoiced['due']:,}", label="Due on invoices", caption=f"{invoiced['invoices']} invoices, {currency.value}", bordered=True
            ),
            mo.stat(f"{deferred:,}", label="Deferred at month end", caption="invoiced, service to come", bordered=True),
            mo.stat(f"{held}", label="Held workspaces", caption="without an invoice until mended", bordered=True),
        ],
        widths="equal",
    )
    return


@app.cell
def bridge_of_month(ask, at):
    bridge = ask(
        """unpivot (
               select sum(opening) as opening, sum(new) as new, sum(expansion) as expansion, sum(contraction) as contraction,
                   sum(churn) as churn, sum(reactivation) as reactivation, sum(closing) as closing
               from mrr_movements_v where month = $month::date and currency = $currency
           ) on columns(*) into name step value amount""",
        **at,
    )
    return (bridge,)


@app.cell
def bridge_drawn(alt, bridge, currency, mo, month, pl):
    _ends = pl.col("step").is_in(["opening", "closing"])
    _steps = bridge.with_columns(pl.col("amount").cast(pl.Float64)).with_columns(  # floats to draw with; the amount is shown as it is
        label=bridge["amount"].cast(pl.String),
        after=pl.when(_ends).then(pl.col("amount")).otherwise(pl.col("amount").cum_sum()),
    )
    _steps = _steps.with_columns(
        before=pl.when(_ends).then(0.0).otherwise(pl.col("after") - pl.col("amount")),
        kind=pl.when(_ends).then(pl.lit("total")).when(pl.col("amount") < 0).then(pl.lit("less")).otherwise(pl.lit("more")),
    )
    _base = alt.Chart(_steps).encode(x=alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=0)))
    _bars = _base.mark_bar(size=44, cornerRadius=2).encode(
        y=alt.Y("before:Q", title=f"{currency.value} a month"),
        y2="after:Q",
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=["total", "more", "less"], range=["#475569", "#0f9d58", "#d9480f"])),
        tooltip=["step", alt.Tooltip("label:N", title="amount")],
    )
    _top = _steps.with_columns(top=pl.max_horizontal("before", "after"))
    _words = alt.Chart(_top).mark_text(dy=-8, fontSize=11).encode(x=alt.X("step:N", sort=None), y="top:Q", text="label:N")
    mo.vstack(
        [
            mo.md(f"## How {month.value} got there"),
            (_bars + _words).properties(height=280, width="container"),
        ]
    )
    return


@app.cell
def by_plan(alt, ask, currency, mo, pl):
    plans = ask(
        """select month, catalog || ' ' || plan as plan, sum(closing) as mrr from mrr_movements_v
           where currency = $currency group by all order by all""",
        currency=currency.value,
    ).with_columns(pl.col("mrr").cast(pl.Float64))
    mo.vstack(
        [
            mo.md("## By plan"),
            alt.Chart(plans)
            .mark_bar(size=36)
            .encode(
                x=alt.X("yearmonth(month):O", title=None, axis=alt.Axis(labelAngle=0, format="%b %Y")),
                y=alt.Y("mrr:Q", title=f"{currency.value} a month"),
                color=alt.Color("plan:N", title=None, legend=alt.Legend(orient="top"), scale=alt.Scale(scheme="tableau10")),
                tooltip=["plan", alt.Tooltip("mrr:Q", format=",.2f")],
            )
            .properties(height=240, width="container"),
        ]
    )
    return


@app.cell
def customers(ask, mo):
    _known = ask(
        """select workspace_id, coalesce(any_value(workspace_name) || ' (' || workspace_id || ')', workspace_id) as customer
           from seat_occupancy left join subscriptions using (workspace_id) group by workspace_id order by lower(customer)"""
    )
    workspace = mo.ui.dropdown(
        dict(zip(_known["customer"], _known["workspace_id"], strict=True)), value=_known["customer"][0], label="Customer", searchable=True
    )
    mo.vstack([mo.md("---\n## A customer"), workspace])
    return (workspace,)


@app.cell
def occupancy(alt, ask, mo, pl, workspace):
    days = ask(
        """select day, occupied as held, coalesce(committed, seat_limit) as "agreed or allowed", added, removed, coverage, plan
           from seat_occupancy where workspace_id = $workspace order by day""",
        workspace=workspace.value,
    )
    _shown = days.unpivot(["held", "agreed or allowed"], index=["day", "plan", "coverage"], variable_name="seats", value_name="number")
    _lines = (
        alt.Chart(_shown.filter(pl.col("number").is_not_null()))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b")),
            y=alt.Y("number:Q", title="seats", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=True)),
            color=alt.Color(
                "seats:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=["held", "agreed or allowed"], range=["#2563eb", "#94a3b8"]),
            ),
            strokeDash=alt.StrokeDash(
                "seats:N", legend=None, scale=alt.Scale(domain=["held", "agreed or allowed"], range=[[1, 0], [5, 4]])
            ),
            tooltip=["day:T", "seats", "number", "plan", "coverage"],
        )
    )
    _paid = (
        alt.Chart(days)
        .mark_tick(thickness=5, height=7, opacity=0.9)
        .encode(
            x=alt.X("day:T", title=None, axis=None),
            color=alt.Color(
                "coverage:N",
                title=None,
                legend=alt.Legend(orient="bottom"),
                scale=alt.Scale(
                    domain=["billed", "trial", "free plan", "ended", "no subscription", "held"],
                    range=["#0f9d58", "#eab308", "#a3a3a3", "#525252", "#d4d4d4", "#d9480f"],
                ),
            ),
            tooltip=["day:T", "coverage", "plan"],
        )
    )
    mo.vstack(
        [
            mo.md("### Seats, day by day, and whether they are billed"),
            alt.vconcat(_lines.properties(height=180, width=920), _paid.properties(height=12, width=920)).resolve_scale(
                color="independent"
            ),
        ]
    )
    return


@app.cell
def invoices_of_customer(ask, mo, workspace):
    invoices = ask(
        """select i.invoice_number, i.invoice_on, i.lines, i.net::varchar as net, i.credit_applied::varchar as "from credit",
               i.amount_due::varchar as due, c.difference::varchar as "more or less", i.currency
           from invoices_v i join invoice_changes_v c using (invoice_id)
           where i.workspace_id = $workspace order by i.invoice_on desc, i.invoice_number desc""",
        workspace=workspace.value,
    )
    picked = mo.ui.table(
        invoices,
        selection="single",
        initial_selection=[0] if invoices.height else None,
        page_size=6,
        show_column_summaries=False,
        show_data_types=False,
        show_download=False,  # the CSV of reports/ is the one that a spreadsheet may open
        text_justify_columns=dict.fromkeys(("net", "from credit", "due", "more or less"), "right"),
        label="Choose one:",
    )
    mo.vstack([mo.md("### Invoices"), picked]) if invoices.height else mo.callout("No invoice yet.", kind="neutral")
    return (picked,)


@app.cell
def one_invoice(ask, html, mo, picked):
    mo.stop(picked.value is None or picked.value.is_empty())
    _number = picked.value["invoice_number"][0]
    lines = ask(
        """select line_id, description, amount::varchar as amount, is_correction as correction
           from invoice_lines_v where invoice_number = $number order by line_id""",
        number=_number,
    )
    causes = ask(
        """select cause, amount::varchar as amount from (
               unpivot (select seats, plan, price, days, term, corrections, credits from invoice_changes_v where invoice_number = $number)
               on columns(*) into name cause value amount
           ) where amount <> 0""",
        number=_number,
    )
    _plain = {"show_column_summaries": False, "show_data_types": False, "show_download": False, "show_search": False, "selection": None}
    _plain["text_justify_columns"] = {"amount": "right"}
    _why = mo.ui.table(causes, **_plain) if causes.height else mo.md("As much as the one before, or the first one.")
    mo.vstack(
        [
            mo.md(f"### {html.escape(_number)}, line by line"),
            mo.ui.table(lines, page_size=12, **_plain),
            mo.md("**Why it differs from the invoice before**"),
            _why,
            mo.md(f"Who, when, which files and rule: `seatledger explain {html.escape(lines['line_id'][0])}`"),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
