-- Attempts that neither the bill nor its own price tells the cost of, at the list price
-- of their type on their first day in the month: as the job names the type, else what
-- that means; in the reporting currency if there is one. One row per run, attempt and
-- month.
with
    attempts as (select * from {{ ref("int_cost__attempts_unbilled") }}),
    own_rate_parts as (select * from {{ ref("int_cost__own_rate_parts") }}),
    prices as (select * from {{ ref("int_cost__list_prices") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    attempts_left as (
        select attempts.*
        from attempts
        left join
            (
                select run_id, attempt, billing_period_date
                from own_rate_parts
                group by run_id, attempt, billing_period_date
            ) as costed using (run_id, attempt, billing_period_date)
        where costed.run_id is null
    ),

    names as (
        select *, lower(trim(instance_type)) as list_name, 1 as name_rank
        from attempts_left
        union all
        select *, lower(hardware_key) as list_name, 2 as name_rank
        from attempts_left
        where lower(hardware_key) <> lower(trim(instance_type))
    ),

    attempts_priced as (
        select
            names.*,
            prices.price_currency,
            prices.price_per_instance_hour,
            prices.origin,
            row_number() over (
                partition by names.run_id, names.attempt, names.billing_period_date
                order by
                    names.name_rank,
                    case
                        when prices.price_currency = settings.reporting_currency
                        then 0
                        else 1
                    end,
                    prices.price_currency
            ) as preference
        from names
        cross join settings
        inner join
            prices
            on names.provider_code = prices.provider_code
            and names.region = prices.region
            and names.list_name = prices.instance_type
            and names.first_date >= prices.valid_from_date
            and names.first_date < prices.valid_to_date
    ),

    final as (
        select
            run_id,
            attempt,
            billing_period_date,

            first_date as usage_date,
            price_currency,
            price_per_instance_hour,
            instance_hours,
            instance_hours * price_per_instance_hour as effective_cost,
            concat('the list price of ', instance_type, ' in ', region) as share_text,
            origin
        from attempts_priced
        where preference = 1
    )

select *
from final
