-- Runs of several sources that are the same run, directly or by way of another: each
-- takes the smallest name among those that it is linked to, and the name that the run
-- of this name has by then: each step reaches twice as far. One row per source and run
-- as told that has a link.
{# Enough for more than a hundred runs in a row; a test tells of longer ones. #}
{% set steps = 6 %}

with
    links as (select * from {{ ref("int_runs__identity_links") }}),

    nodes as (
        select source, source_run_id, concat(source, '/', source_run_id) as node
        from links
        group by source, source_run_id
    ),

    edges as (
        select
            concat(source, '/', source_run_id) as node,
            concat(other_source, '/', other_run_id) as other_node
        from links
    ),

    step_0 as (select node, node as group_name from nodes),

    {% for step in range(1, steps + 1) %}
        hop_{{ step }} as (
            select
                edges.node, min(least(here.group_name, there.group_name)) as group_name
            from edges
            inner join step_{{ step - 1 }} as here on edges.node = here.node
            inner join step_{{ step - 1 }} as there on edges.other_node = there.node
            group by edges.node
        ),

        step_{{ step }} as (
            select here.node, least(here.group_name, there.group_name) as group_name
            from hop_{{ step }} as here
            inner join hop_{{ step }} as there on here.group_name = there.node
        ),
    {% endfor %}

    final as (
        select nodes.source, nodes.source_run_id, step_{{ steps }}.group_name
        from nodes
        inner join step_{{ steps }} on nodes.node = step_{{ steps }}.node
    )

select *
from final
