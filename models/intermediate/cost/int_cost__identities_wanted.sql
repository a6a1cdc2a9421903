-- What charges that a run may claim say of whose they are: a resource that runs were on
-- at the time, a tag that names a run or a job, a pod of either and the machine that it
-- ran on. One row per delivery, resource and tags.
with
    identities as (select * from {{ ref("int_cost__identities") }}),
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),
    tagged_runs as (select * from {{ ref("int_cost__tagged_runs") }}),
    tagged_jobs as (select * from {{ ref("int_cost__tagged_jobs") }}),

    resources as (
        select
            resource_text,
            min(started_at_utc) as started_at_utc,
            max(stopped_at_utc) as stopped_at_utc
        from resource_attempts
        group by resource_text
    ),

    identities_judged as (
        select
            identities.delivery_id,
            coalesce(identities.resource_id, '') as resource_id,
            coalesce(identities.tags_json, '') as tags_json,
            lower(identities.resource_id) as resource_text,
            lower(identities.parent_resource_id) as parent_text,
            resources.resource_text is not null
            or tagged_runs.run_id is not null
            or tagged_jobs.job_key is not null as is_wanted
        from identities
        left join
            resources
            on lower(identities.resource_id) = resources.resource_text
            and identities.first_start_at_utc < resources.stopped_at_utc
            and identities.last_end_at_utc > resources.started_at_utc
        left join tagged_runs on identities.tags_json = tagged_runs.tags_json
        left join tagged_jobs on identities.tags_json = tagged_jobs.tags_json
    ),

    parents as (
        select parent_text
        from identities_judged
        where is_wanted and parent_text is not null
        group by parent_text
    ),

    final as (
        select
            identities_judged.delivery_id,
            identities_judged.resource_id,
            identities_judged.tags_json
        from identities_judged
        left join parents as machines on resource_text = machines.parent_text
        left join
            parents as siblings on identities_judged.parent_text = siblings.parent_text
        where
            identities_judged.is_wanted
            or machines.parent_text is not null
            or siblings.parent_text is not null
        group by all
    )

select *
from final
