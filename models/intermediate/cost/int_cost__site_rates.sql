-- Runs on sites at the price their owner configured: by the accelerator-hour where
-- they hold
-- accelerators, else by the vCPU-hour. One row per run on a site.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),

    final as (
        select
            attempts.run_id,
            max(sites.price_currency) as price_currency,
            {{
                exact_sum(
                    "attempts.duration_hours * attempts.instance_count * case"
                    ~ " when attempts.accelerators_per_instance > 0"
                    ~ " then attempts.accelerators_per_instance * attempts.accelerator_share * sites.price_per_device_hour"
                    ~ " else attempts.vcpus_per_instance * sites.price_per_vcpu_hour end"
                )
            }}
            as effective_cost,
            max(
                case
                    when attempts.accelerators_per_instance > 0
                    then
                        concat(
                            'settings: sites.',
                            sites.site_name,
                            '.price_per_device_hour = ',
                            sites.price_per_device_hour
                        )
                    else
                        concat(
                            'settings: sites.',
                            sites.site_name,
                            '.price_per_vcpu_hour = ',
                            sites.price_per_vcpu_hour
                        )
                end
            ) as cost_origin
        from attempts
        inner join sites on attempts.site_name = sites.site_name
        group by attempts.run_id
    )

select *
from final
