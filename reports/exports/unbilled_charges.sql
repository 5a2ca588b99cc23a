-- What is owed and on no invoice yet?  Grain: charge; at the close of the last day known, whatever the month.  Units: seats; days; money.
select * from unbilled_charges_v where $month is not null order by subscription_id, term_from, moved_on, reason, service_from, plan, unit_price_minor
