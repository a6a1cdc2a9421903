-- What one unit of a currency is worth in the reporting currency, as told or the other
-- way round. One row per currency, first day and publication.
with
    rates as (select * from {{ ref("stg_settings__exchange_rates") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    final as (
        select
            rates.from_currency as currency,
            rates.valid_from_date,
            coalesce(rates.valid_to_date, date '9999-12-31') as valid_to_date,
            rates.published_on,
            0 as is_inverse,
            rates.rate,
            concat(
                rates.rate_source,
                ', published ',
                rates.published_on,
                ', file row ',
                rates.source_row
            ) as rate_origin
        from rates
        inner join settings on rates.to_currency = settings.reporting_currency
        union all
        select
            rates.to_currency as currency,
            rates.valid_from_date,
            coalesce(rates.valid_to_date, date '9999-12-31') as valid_to_date,
            rates.published_on,
            1 as is_inverse,
            1.0 / rates.rate as rate,
            concat(
                'one over ',
                rates.rate,
                ', ',
                rates.rate_source,
                ', published ',
                rates.published_on,
                ', file row ',
                rates.source_row
            ) as rate_origin
        from rates
        inner join settings on rates.from_currency = settings.reporting_currency
    )

select *
from final
where published_on <= cast({{ as_of("settings") }} as date)
