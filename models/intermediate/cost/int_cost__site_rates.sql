-- Attempts on sites at the price their owner configured: by the accelerator-hour where
-- they hold accelerators, else by the vCPU-hour. One row per run and attempt on a site.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),

    attempts_rated as (
        select
            attempts.run_id,
            attempts.attempt,
            cast(intervals.started_at_utc as date) as usage_date,
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
        left join intervals using (run_id, attempt)
    ),

    final as (
        select
            run_id,
            attempt,
            usage_date,
            price_currency,
            priced_hours,
            price,
            priced_hours * price as effective_cost,
            concat(
                'settings: sites.', site_name, '.', price_name, ' = ', price
            ) as cost_origin
        from attempts_rated
    )

select *
from final
