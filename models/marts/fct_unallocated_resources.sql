-- What the bill charges for machine learning that no run claims, by resource, what its
-- tags say, and what would put it on a run. In the billing currency. One row per
-- billing period, provider, accounts, service, region, resource, its name, owners by
-- tag, fix and currency.
with
    unallocated as (select * from {{ ref("int_cost__unallocated") }}),
    tags as (select * from {{ ref("int_cost__tag_owners") }}),
    known_resources as (
        select resource_text
        from {{ ref("int_cost__resource_attempts") }}
        group by resource_text
    ),
    unplaced as (select * from {{ ref("int_cost__unplaced_months") }}),

    resources_known as (
        select
            unallocated.*,
            tags.run_tag,
            tags.job_tag,
            tags.team_tag as team,
            tags.project_tag as project,
            tags.is_known or known_resources.resource_text is not null as is_known,
            unplaced.region is not null as has_unplaced_runs
        from unallocated
        left join tags on unallocated.tags_json = tags.tags_json
        left join
            known_resources
            on lower(unallocated.resource_id) = known_resources.resource_text
        left join
            unplaced
            on unallocated.provider_code = unplaced.provider_code
            and unallocated.region = unplaced.region
            and unallocated.billing_period_date = unplaced.month_date
    ),

    final as (
        select
            billing_period_date,
            provider_code as provider,
            billing_account_id,
            sub_account_id,
            service_name,
            region,
            resource_id,
            resource_name,
            run_tag,
            job_tag,
            team,
            project,
            case
                when is_known
                then 'no_run_at_the_time'
                when run_tag is not null
                then 'run_tag_names_no_known_run'
                when job_tag is not null
                then 'job_tag_names_no_known_job'
                when resource_id is null
                then 'export_names_no_resource'
                when is_machine = 0
                then 'add_job_tag'
                when has_unplaced_runs
                then 'report_host'
                else 'add_run_or_job_tag'
            end as fix_code,

            cast(sum(effective_cost_exact) as double) as effective_cost,
            cast(sum(billed_cost_exact) as double) as billed_cost,
            billing_currency as cost_currency,
            -- The end of a charge is not a part of it.
            cast(max(last_end_at_utc) - interval 1 second as date) as last_used_on,
            cast(sum(line_rows) as bigint) as line_rows
        from resources_known
        group by all
    )

select *
from final
