-- Charges with the run whose own resource caused them: usage of the resource while
-- one of the run's
-- attempts had it. Taxes, credits and refunds stay with nobody. One row per charge.
{{ config(materialized="view") }}
with
    charges as (select * from {{ ref("stg_focus__charges") }}),
    providers as (select * from {{ ref("providers") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    final as (
        select
            charges.*,
            coalesce(
                providers.provider_code, lower(charges.provider_name)
            ) as provider_code,
            case
                when
                    charges.charge_category = 'Usage'
                    and exists (
                        select 1
                        from attempts
                        where
                            attempts.resource_id = charges.resource_id
                            and attempts.started_at_utc < charges.charge_end_at_utc
                            and {{
                                add_seconds(
                                    "attempts.started_at_utc",
                                    "attempts.duration_s",
                                )
                            }} > charges.charge_start_at_utc
                    )
                then run_resources.run_id
            end as run_id
        from charges
        left join run_resources on charges.resource_id = run_resources.resource_id
        left join
            providers on lower(charges.provider_name) = providers.provider_name_key
    )

select *
from final
