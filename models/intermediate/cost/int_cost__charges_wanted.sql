-- The few charges that runs may claim, whole: usage, with corrections of it; no
-- commitment that was not used. One row per charge.
{% set wanted = ref("int_cost__identities_wanted") %}
with
    charges as (select * from {{ ref("int_billing__charges") }}),
    identities as (select * from {{ wanted }}),
    providers as (select * from {{ ref("providers") }}),
    tagged_runs as (select * from {{ ref("int_cost__tagged_runs") }}),
    tagged_jobs as (select * from {{ ref("int_cost__tagged_jobs") }}),

    charges_found as (
        select charges.*
        from charges
        inner join
            identities
            on charges.delivery_id = identities.delivery_id
            and coalesce(charges.resource_id, '') = identities.resource_id
            and coalesce(charges.tags_json, '') = identities.tags_json
        where
            {{ is_delivery_of("charges.delivery_id", wanted) }}
            and charges.charge_category = 'Usage'
            and coalesce(charges.commitment_discount_status, '') <> 'Unused'
    ),

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
            lower(charges_found.x_parent_resource_id) as parent_text,
            coalesce(
                providers.provider_code, lower(charges_found.provider_name)
            ) as provider_code,
            tagged_runs.run_id as tagged_run_id,
            tagged_jobs.job_key as tagged_job_key
        from charges_found
        left join
            providers
            on lower(charges_found.provider_name) = providers.provider_name_key
        left join tagged_runs on charges_found.tags_json = tagged_runs.tags_json
        left join tagged_jobs on charges_found.tags_json = tagged_jobs.tags_json
    )

select *
from final
