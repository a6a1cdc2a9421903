-- The team and the project that tags of charges name. One row per tags.
with
    tagged as (select * from {{ ref("int_cost__tagged") }}),

    final as (
        select
            tags_json,
            max(case when tag_kind = 'team' then tag_value end) as team,
            max(case when tag_kind = 'project' then tag_value end) as project
        from tagged
        where tag_kind in ('team', 'project')
        group by tags_json
    )

select *
from final
