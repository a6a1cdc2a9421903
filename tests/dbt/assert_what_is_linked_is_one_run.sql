-- Runs that are linked are one run, however long their chain is.
select links.*, here.group_name, there.group_name as other_group_name
from {{ ref("int_runs__identity_links") }} as links
inner join
    {{ ref("int_runs__identity_groups") }} as here
    on links.source = here.source
    and links.source_run_id = here.source_run_id
inner join
    {{ ref("int_runs__identity_groups") }} as there
    on links.other_source = there.source
    and links.other_run_id = there.source_run_id
where here.group_name <> there.group_name
