-- Usage under savings plans and its negation are nothing together, as billed costs
-- assume.
{{ config(severity="warn") }}
with
    lines as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "aws_cur__lines") }}
    ),

    current_lines as (
        select
            lines.bill_payer_account_id,
            lines.bill_billing_period_start_date,
            lines.line_item_currency_code,
            coalesce(
                lines.line_item_net_unblended_cost, lines.line_item_unblended_cost
            ) as cost
        from lines
        inner join
            {{ ref("stg_landing__deliveries") }} as deliveries
            on lines.delivery_id = deliveries.delivery_id
        where
            lines.line_item_line_item_type
            in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
    )

select
    bill_payer_account_id,
    bill_billing_period_start_date,
    line_item_currency_code,
    sum(cost) as left_over_cost
from current_lines
group by bill_payer_account_id, bill_billing_period_start_date, line_item_currency_code
having abs(sum(cost)) > 1e-6 * sum(abs(cost))
