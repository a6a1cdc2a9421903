-- Runs on sites at the price their owner configured: by the accelerator-hour where they
-- hold accelerators, else by the vCPU-hour. One row per run on a site.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),

    attempts_rated as (
        select
            attempts.run_id,
            sites.price_currency,
            case
                when attempts.accelerators_per_instance > 0
                then 'price_per_device_hour'
                else 'price_per_vcpu_hour'
            end as price_name,
            case
                when attempts.accelerators_per_instance > 0
                then sites.price_per_device_hour
                else sites.price_per_vcpu_hour
            end as price,
            case
                when attempts.accelerators_per_instance > 0
                then attempts.accelerators_per_instance * attempts.accelerator_share
                else attempts.vcpus_per_instance
            end
            * attempts.instance_count
            * attempts.duration_hours as priced_hours,
            sites.site_name
        from attempts
        inner join sites on attempts.site_name = sites.site_name
    ),

    final as (
        select
            run_id,
            max(price_currency) as price_currency,
            -- An attempt without a price makes the run's cost unknown.
            case
                when count(priced_hours * price) = count(*)
                then {{ exact_sum("priced_hours * price") }}
            end as effective_cost,
            max(
                concat('settings: sites.', site_name, '.', price_name, ' = ', price)
            ) as cost_origin
        from attempts_rated
        group by run_id
    )

select *
from final
