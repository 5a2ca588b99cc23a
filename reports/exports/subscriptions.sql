-- How does every subscription stand at the close of the last day known?  Grain: subscription.  Units: seats.
select * from subscriptions where $month is not null order by subscription_id
