-- What the cost of a run's own resources is worth in energy, at the organisation's own
-- kWh per currency unit; unknown as soon as a service has none. One row per run with
-- resources of its own on the bill.
with
    run_services as (select * from {{ ref("int_cost__run_services") }}),
    rates as (select * from {{ ref("int_energy__spend_rates") }} where kind = 'all'),

    services_rated as (
        select
            run_services.run_id,
            run_services.billing_currency,
            run_services.effective_cost,
            rates.kwh_per_currency_unit,
            concat(
                run_services.service_name,
                ' in ',
                case
                    when run_services.region = ''
                    then 'no region'
                    else run_services.region
                end,
                ', ',
                run_services.billing_period_date
            ) as service_text,
            rates.origin
        from run_services
        left join
            rates
            on run_services.billing_period_date = rates.billing_period_date
            and run_services.provider_code = rates.provider_code
            and run_services.service_name = rates.service_name
            and run_services.region = rates.region
            and run_services.billing_currency = rates.billing_currency
        where run_services.effective_cost <> 0
    ),

    runs_summed as (
        select
            run_id,
            min(billing_currency) as billing_currency,
            case
                when min(billing_currency) = max(billing_currency)
                then {{ exact_sum("effective_cost") }}
            end as effective_cost,
            case
                when count(kwh_per_currency_unit) = count(*)
                then {{ exact_sum("effective_cost * kwh_per_currency_unit") }}
            end as it_energy_kwh,
            {{
                joined_text(
                    "concat(effective_cost, ' * ', kwh_per_currency_unit)",
                    "service_text",
                )
            }} as energy_arithmetic,
            min(
                concat(
                    'own kWh per ',
                    billing_currency,
                    ' of ',
                    service_text,
                    ', from ',
                    origin
                )
            ) as one_basis,
            count(*) as services,
            min(
                case
                    when kwh_per_currency_unit is null
                    then
                        concat(
                            'no own kWh per ', billing_currency, ' of ', service_text
                        )
                end
            ) as missing_text
        from services_rated
        group by run_id
    ),

    final as (
        select
            run_id,

            effective_cost,
            billing_currency,
            it_energy_kwh,
            replace(energy_arithmetic, ', ', ' + ') as energy_arithmetic,
            concat(
                one_basis,
                case
                    when services > 1
                    then concat(' and ', services - 1, ' more')
                    else ''
                end
            ) as basis,
            missing_text
        from runs_summed
    )

select *
from final
