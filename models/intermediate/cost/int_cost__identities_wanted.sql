-- What charges that a run may claim say of whose they are: a resource that runs were on
-- at the time, a tag that names a run or a job, a pod of either and the machine that it
-- ran on; and from when to when. One row per delivery, resource and tags.
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
            resources.started_at_utc,
            resources.stopped_at_utc,
            tagged_runs.run_id is not null
            or tagged_jobs.job_key is not null as is_tagged
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
        where (is_tagged or started_at_utc is not null) and parent_text is not null
        group by parent_text
    ),

    identities_found as (
        select
            identities_judged.*,
            -- A tag, and the split of a machine, hold whenever they are charged.
            identities_judged.is_tagged
            or machines.parent_text is not null
            or siblings.parent_text is not null as is_wanted_always
        from identities_judged
        left join
            parents as machines
            on identities_judged.resource_text = machines.parent_text
        left join
            parents as siblings on identities_judged.parent_text = siblings.parent_text
    ),

    final as (
        select
            delivery_id,
            resource_id,
            tags_json,
            min(
                case
                    when is_wanted_always
                    then timestamp '1900-01-01'
                    else started_at_utc
                end
            ) as wanted_from_utc,
            max(
                case
                    when is_wanted_always
                    then timestamp '9999-01-01'
                    else stopped_at_utc
                end
            ) as wanted_to_utc
        from identities_found
        where is_wanted_always or started_at_utc is not null
        group by delivery_id, resource_id, tags_json
    )

select *
from final
