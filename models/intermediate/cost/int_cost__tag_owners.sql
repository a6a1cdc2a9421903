-- What tags of charges say of their owner, kind by kind, and whether they name a run or
-- a job that ran. One row per tags.
with
    tagged as (select * from {{ ref("int_cost__tagged") }}),
    tagged_runs as (select * from {{ ref("int_cost__tagged_runs") }}),
    tagged_jobs as (select * from {{ ref("int_cost__tagged_jobs") }}),

    tags as (
        select
            tags_json,
            {% for tag_kind in ["run", "job", "team", "project"] %}
                max(
                    case when tag_kind = '{{ tag_kind }}' then tag_value end
                ) as {{ tag_kind }}_tag
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from tagged
        group by tags_json
    ),

    final as (
        select
            tags.*,
            tagged_runs.run_id is not null
            or tagged_jobs.job_key is not null as is_known
        from tags
        left join tagged_runs on tags.tags_json = tagged_runs.tags_json
        left join tagged_jobs on tags.tags_json = tagged_jobs.tags_json
    )

select *
from final
