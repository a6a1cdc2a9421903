-- The charges that runs may claim, with the run or job that their tags name. One row
-- per charge.
with
    charges_found as (select * from {{ ref("int_cost__charges_found") }}),
    providers as (select * from {{ ref("providers") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),
    tagged_runs as (select * from {{ ref("int_cost__tagged_runs") }}),
    tagged_jobs as (select * from {{ ref("int_cost__tagged_jobs") }}),

    final as (
        select
            row_number() over (
                order by
                    charges_found.source_name,
                    charges_found.delivery_id,
                    charges_found.source_file,
                    charges_found.source_row
            ) as charge_number,
            charges_found.*,
            -- A charge of an instant has a second in which runs may have been.
            greatest(
                charges_found.charge_end_at_utc,
                charges_found.charge_start_at_utc + interval 1 second
            ) as period_end_at_utc,
            lower(charges_found.resource_id) as resource_text,
            lower(charges_found.parent_resource_id) as parent_text,
            coalesce(
                providers.provider_code, lower(charges_found.provider_name)
            ) as provider_code,
            coalesce(regions_named.region, charges_found.told_region) as region,
            tagged_runs.run_id as tagged_run_id,
            tagged_jobs.job_key as tagged_job_key
        from charges_found
        left join
            providers
            on lower(charges_found.provider_name) = providers.provider_name_key
        left join
            regions_named
            on coalesce(charges_found.provider_name, '') = regions_named.told_provider
            and coalesce(charges_found.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
        left join tagged_runs on charges_found.tags_json = tagged_runs.tags_json
        left join tagged_jobs on charges_found.tags_json = tagged_jobs.tags_json
    )

select *
from final
