-- What is held, why, and what mends it?  Grain: workspace, reason, place; as it stands, whatever the month.
select workspace_id, reason, since_on, regexp_replace(detail, '[^\s@]+@[^\s@]+', '(address)', 'g') as detail, file, "row", mend
from holds
order by all
