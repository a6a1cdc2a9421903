-- Tags of charges that name a job that ran in a cloud. One row per tags.
with
    tagged as (select * from {{ ref("int_cost__tagged") }} where tag_kind = 'job'),
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    jobs as (
        select {{ tag_value_key("job_name") }} as job_key
        from attempts
        where job_name is not null
        group by 1
    )

select tagged.tags_json, jobs.job_key
from tagged
inner join jobs on tagged.tag_value_key = jobs.job_key
where jobs.job_key <> ''
