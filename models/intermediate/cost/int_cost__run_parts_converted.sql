-- Parts of the runs' costs in the reporting currency, at the rate of the charge's day;
-- null where no rate is known. One row per row of int_cost__run_parts.
with
    run_parts as (select * from {{ ref("int_cost__run_parts") }}),
    rates as (select * from {{ ref("int_cost__rates_of_days") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    final as (
        select
            run_parts.*,
            settings.reporting_currency,
            case
                when run_parts.part_currency = settings.reporting_currency
                then 1.0
                else rates.rate
            end as exchange_rate,
            case
                when run_parts.part_currency <> settings.reporting_currency
                then rates.rate_origin
            end as rate_origin,
            case
                when run_parts.part_currency = settings.reporting_currency
                then run_parts.part_cost
                else run_parts.part_cost * rates.rate
            end as effective_cost
        from run_parts
        cross join settings
        left join
            rates
            on run_parts.part_currency = rates.currency
            and run_parts.usage_date = rates.usage_date
    )

select *
from final
