-- Runs of several sources that are the same run, directly or by way of another. One row
-- per source and run as told that has a link.
with
    links as (select * from {{ ref("int_runs__identity_links") }}),

    runs as (
        select source, source_run_id, concat(source, '/', source_run_id) as node
        from links
        group by source, source_run_id
    ),

    nodes as (select node from runs),

    edges as (
        select
            concat(source, '/', source_run_id) as node,
            concat(other_source, '/', other_run_id) as other_node
        from links
    ),

    {{ connected_ctes() }},

    final as (
        select runs.source, runs.source_run_id, connected.group_name
        from runs
        inner join connected on runs.node = connected.node
    )

select *
from final
