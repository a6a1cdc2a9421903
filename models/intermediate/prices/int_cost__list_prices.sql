-- What a machine costs by the hour without any contract: on demand, Linux, half-open
-- days. Of prices from one day the one received last counts; two at once are no price.
-- Where the organisation's own file names a machine in a region, no other list tells
-- its price. One row per provider, region, instance type, currency and first day.
with
    offers as (
        select *
        from {{ ref("int_cost__price_offers") }}
        union all
        select *
        from {{ ref("int_cost__offers_by_parts") }}
    ),

    offers_told as (
        select
            *,
            max(case when price_source = 'file' then 1 else 0 end) over (
                partition by provider_code, region, instance_type, price_currency
            ) as is_in_own_file,
            max(received_at_utc) over (
                partition by
                    provider_code,
                    region,
                    instance_type,
                    price_currency,
                    valid_from_date,
                    price_source
            ) as last_received_at_utc
        from offers
    ),

    prices as (
        select
            provider_code,
            region,
            instance_type,
            price_currency,
            valid_from_date,
            case
                when min(price_per_hour) = max(price_per_hour) then max(price_per_hour)
            end as price_per_instance_hour,
            min(told_to_date) as told_to_date,
            min(origin) as origin
        from offers_told
        where
            received_at_utc = last_received_at_utc
            and (is_in_own_file = 0 or price_source = 'file')
        group by provider_code, region, instance_type, price_currency, valid_from_date
    ),

    prices_following as (
        select
            *,
            lead(valid_from_date) over (
                partition by provider_code, region, instance_type, price_currency
                order by valid_from_date
            ) as next_from_date
        from prices
    ),

    final as (
        select
            provider_code,
            region,
            instance_type,
            price_currency,

            valid_from_date,
            least(
                coalesce(told_to_date, date '9999-12-31'),
                coalesce(next_from_date, date '9999-12-31')
            ) as valid_to_date,

            price_per_instance_hour,

            origin
        from prices_following
        where price_per_instance_hour is not null
    )

select *
from final
where valid_from_date < valid_to_date
