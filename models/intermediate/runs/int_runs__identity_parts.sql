-- Parts of runs: what has machines, and names each other, has the same ones. Jobs that
-- only a task or a tracked run has in common are parts beside each other. What has no
-- machines belongs to the parts that it is linked to. One row per source, run as told
-- that has a link, and part.
with
    links as (select * from {{ ref("int_runs__identity_links") }}),
    sources as (select * from {{ ref("run_sources") }} where tells <> 'record'),

    machine_links as (
        select
            links.source,
            links.source_run_id,
            concat(links.source, '/', links.source_run_id) as node,
            case
                when others.source_name is not null
                then concat(links.other_source, '/', links.other_run_id)
            end as other_node
        from links
        inner join sources on links.source = sources.source_name
        left join sources as others on links.other_source = others.source_name
    ),

    nodes as (select node from machine_links group by node),

    edges as (select node, other_node from machine_links where other_node is not null),

    {{ connected_ctes() }},

    final as (
        select
            machine_links.source,
            machine_links.source_run_id,
            connected.group_name as part_name
        from machine_links
        inner join connected on machine_links.node = connected.node
        union
        select links.source, links.source_run_id, connected.group_name as part_name
        from links
        inner join
            connected
            on concat(links.other_source, '/', links.other_run_id) = connected.node
        left join sources on links.source = sources.source_name
        where sources.source_name is null
    )

select *
from final
