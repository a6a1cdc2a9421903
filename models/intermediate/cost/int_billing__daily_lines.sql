-- The bill by day and by whom it belongs to: of machine-hours that nobody claimed, the
-- part that runs take at the organisation's own price is theirs, so the sum stays the
-- bill. One row per row of int_billing__lines_claimed, and one for what is taken of it.
{{ config(materialized="view") }}
with
    lines_claimed as (select * from {{ ref("int_billing__lines_claimed") }}),
    own_rate_taken as (select * from {{ ref("int_cost__own_rate_taken") }}),

    lines_matched as (
        select lines_claimed.*, own_rate_taken.taken_ratio
        from lines_claimed
        left join
            own_rate_taken
            on lines_claimed.is_unclaimed_machine
            and lines_claimed.billing_period_date = own_rate_taken.billing_period_date
            and lines_claimed.provider_code = own_rate_taken.provider_code
            and lines_claimed.account_key = own_rate_taken.account_key
            and coalesce(lines_claimed.region, '') = own_rate_taken.region
            and lines_claimed.hardware_key = own_rate_taken.hardware_key
            and lines_claimed.billing_currency = own_rate_taken.billing_currency
    ),

    parts as (
        select
            {{ daily_line_columns() }},
            claimed_for,
            line_rows
            {%- for amount, scale in bill_line_amounts() -%}
                ,
                case
                    when taken_ratio is null
                    then {{ amount }}
                    else {{ amount }} - {{ amount_to(amount, "taken_ratio", scale) }}
                end as {{ amount }}
            {%- endfor %}
        from lines_matched
        union all
        select
            {{ daily_line_columns() }},
            'run' as claimed_for,
            cast(0 as bigint) as line_rows
            {%- for amount, scale in bill_line_amounts() -%}
                , {{ amount_to(amount, "taken_ratio", scale) }} as {{ amount }}
            {%- endfor %}
        from lines_matched
        where taken_ratio is not null
    ),

    final as (
        select *, cast(consumed_quantity_exact as double) as consumed_quantity
        from parts
    )

select *
from final
