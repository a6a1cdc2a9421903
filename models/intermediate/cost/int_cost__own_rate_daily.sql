-- What is taken of the bill's unallocated machine-hours for runs that it does not name.
-- One row per day and combination of the bill's keys.
with
    machine_lines as (select * from {{ ref("int_cost__machine_lines") }}),
    parts as (select * from {{ ref("int_cost__own_rate_parts") }}),

    pools as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,
            {{ exact_sum("fraction_of_left") }} as taken_ratio
        from parts
        group by all
    ),

    lines_taken as (
        select machine_lines.*, pools.taken_ratio
        from machine_lines
        inner join
            pools using (
                billing_period_date,
                provider_code,
                account_key,
                region,
                hardware_key,
                billing_currency
            )
        where machine_lines.is_unallocated
    ),

    final as (
        select
            {{ bill_line_keys() }},
            'run' as allocation,

            cast(0 as bigint) as line_rows,
            {% for amount in bill_line_amounts() %}
                {% set scale = 12 if "quantity" in amount else 18 %}
                {{ amount_to(amount ~ "_left", "taken_ratio", scale) }} as {{ amount }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from lines_taken
    )

select *
from final
