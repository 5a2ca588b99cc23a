"""The words on an invoice line, with the numbers a customer needs to check it by hand."""

from __future__ import annotations

import polars as pl

from transforms.money import amount_text

_WORDS = {
    "opening": "{} {} on plan {}",
    "seats_added": "{} {} added on plan {}",
    "seats_removed": "{} {} released on plan {}",
    "reactivated": "{} {} reactivated, back-billed on plan {}",
    "seats_reduced": "{} {} given back on plan {}",
    "plan_switch": "{} {} moved to plan {}",
}


def words_of_movement() -> pl.Expr:
    """What moved: `2 seats added on plan team`. Grain: line -> text."""
    seats = pl.when(pl.col("quantity").abs() == 1).then(pl.lit("seat")).otherwise(pl.lit("seats"))
    words = pl.lit(None, pl.String)
    for reason, text in _WORDS.items():
        words = pl.when(reason=reason).then(pl.format(text, pl.col("quantity").abs(), seats, "plan")).otherwise(words)
    left = pl.format("{} {} moved away from plan {}", pl.col("quantity").abs(), seats, "plan")
    return pl.when((pl.col("reason") == "plan_switch") & (pl.col("quantity") < 0)).then(left).otherwise(words)


def line_description() -> pl.Expr:
    """What moved, for which days, and the formula with its numbers in it. Grain: line -> text."""
    words = pl.format("{} from {} to {}", words_of_movement(), "service_from", "service_until")
    price = amount_text(pl.col("unit_price_minor"), pl.col("currency"))
    before = pl.col("quantity_billed_before")
    known_now = pl.format(": {} × {} {} × {}/{} days", pl.col("quantity") + before, price, "currency", "days", "period_days")
    less = pl.format("{}, less {} × {} × {}/{} billed before", known_now, before, price, "days", "period_days")
    formula = pl.when(before == 0).then(known_now).otherwise(less)
    correction = pl.when("is_correction").then(pl.lit("Correction: ")).otherwise(pl.lit(""))
    return pl.concat_str(correction, words, formula)


def issued_lines_from_billing(lines: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """Lines as they are issued: under their invoice's number, counted within it, in words.

    Grain: line -> line. `line_id` is the invoice number and the line's place on the invoice.
    """
    key = ["subscription_id", "invoice_on"]
    theirs = numbered.select(*key, "invoice_id", "invoice_number").join(lines.select(key).unique(), on=key, how="semi")  # of all, which may be many more
    named = lines.join(theirs, on=key, how="left", maintain_order="left")
    place = pl.int_range(1, pl.len() + 1).over("invoice_id").cast(pl.String).str.zfill(3)
    return named.with_columns(line_id=pl.format("{}-{}", "invoice_number", place), description=line_description())
