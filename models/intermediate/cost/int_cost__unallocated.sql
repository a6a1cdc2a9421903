-- What is left of the charges of each resource when runs that the bill does not name
-- have what they take of it at the own price: of each resource the same part. One row
-- per billing period, provider, accounts, service, region, resource, its name, tags and
-- currency.
with
    unclaimed as (select * from {{ ref("int_cost__unclaimed") }}),
    own_rate_taken as (select * from {{ ref("int_cost__own_rate_taken") }}),

    parts_left as (
        select
            unclaimed.*,
            {% for amount in ["effective_cost_exact", "billed_cost_exact"] %}
                unclaimed.{{ amount }}
                - {{
                    amount_to(
                        "unclaimed." ~ amount,
                        "coalesce(own_rate_taken.taken_ratio, 0.0)",
                    )
                }} as {{ amount }}_left
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from unclaimed
        left join
            own_rate_taken
            on unclaimed.billing_period_date = own_rate_taken.billing_period_date
            and unclaimed.provider_code = own_rate_taken.provider_code
            and coalesce(unclaimed.sub_account_id, '') = own_rate_taken.account_key
            and coalesce(unclaimed.region, '') = own_rate_taken.region
            and unclaimed.hardware_key = own_rate_taken.hardware_key
            and unclaimed.billing_currency = own_rate_taken.billing_currency
    ),

    final as (
        select
            {{ unclaimed_keys() }},

            cast(sum(line_rows) as bigint) as line_rows,
            sum(effective_cost_exact_left) as effective_cost_exact,
            sum(billed_cost_exact_left) as billed_cost_exact,
            max(is_machine) as is_machine,
            max(last_end_at_utc) as last_end_at_utc
        from parts_left
        group by all
        having sum(effective_cost_exact_left) <> 0 or sum(billed_cost_exact_left) <> 0
    )

select *
from final
