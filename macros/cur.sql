{# How the line types of AWS cost and usage reports become FOCUS; the reasons: docs/bills.md. #}
{# What a line is a charge for. A type that AWS has not told us of yet is null. #}
{% macro cur_charge_category(line_type) -%}
    case
        when {{ line_type }} in ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage')
        then 'Usage'
        when
            {{ line_type }}
            in ('Fee', 'RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee')
        then 'Purchase'
        when {{ line_type }} = 'Tax'
        then 'Tax'
        when {{ line_type }} = 'Credit'
        then 'Credit'
        when
            {{ line_type }} in ('Refund', 'SavingsPlanNegation')
            or {{ line_type }} like '%Discount'
        then 'Adjustment'
    end
{%- endmacro %}

{# By which kind of price a line is charged; null where it is not a matter of price. #}
{% macro cur_pricing_category(line_type, usage_type) -%}
    case
        when
            {{ line_type }} in (
                'DiscountedUsage',
                'SavingsPlanCoveredUsage',
                'RIFee',
                'SavingsPlanRecurringFee',
                'SavingsPlanUpfrontFee'
            )
        then 'Committed'
        when {{ line_type }} = 'Usage' and {{ usage_type }} like '%SpotUsage%'
        then 'Dynamic'
        when {{ line_type }} = 'Usage'
        then 'Standard'
    end
{%- endmacro %}

{# What the invoice asks for: usage under a savings plan is paid by the plan's fees, and the negation
   takes the on-demand price of that usage back; together they are nothing. #}
{% macro cur_billed_cost(line_type, cost) -%}
    case
        when {{ line_type }} in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
        then cast(0 as decimal(38, 18))
        else {{ cost }}
    end
{%- endmacro %}

{# The cost with the price of commitments spread over what they cover; what they do not cover stays
   with their fee. #}
{% macro cur_effective_cost(line) -%}
    case
        when {{ line }}.line_type = 'DiscountedUsage'
        then
            coalesce(
                {{ line }}.reservation_net_effective_cost,
                {{ line }}.reservation_effective_cost
            )
        when {{ line }}.line_type = 'SavingsPlanCoveredUsage'
        then
            coalesce(
                {{ line }}.savings_plan_net_savings_plan_effective_cost,
                {{ line }}.savings_plan_savings_plan_effective_cost
            )
        when {{ line }}.line_type in ('RIFee', 'SavingsPlanRecurringFee')
        then {{ line }}.unused_cost
        when {{ line }}.line_type in ('SavingsPlanUpfrontFee', 'SavingsPlanNegation')
        then cast(0 as decimal(38, 18))
        -- The upfront fee of a reservation: its usage carries it.
        when
            {{ line }}.line_type = 'Fee'
            and {{ line }}.reservation_reservation_a_r_n is not null
        then cast(0 as decimal(38, 18))
        else {{ line }}.cost
    end
{%- endmacro %}

{# What of a commitment nobody used, on the line of its fee: of a reservation as AWS says it, of a
   savings plan the commitment less what was used, at the price after discounts. #}
{% macro unused_commitment() -%}
    case
        when line_item_line_item_type = 'RIFee'
        then
            coalesce(
                reservation_net_unused_amortized_upfront_fee_for_billing_period,
                reservation_unused_amortized_upfront_fee_for_billing_period,
                0
            ) + coalesce(
                reservation_net_unused_recurring_fee,
                reservation_unused_recurring_fee,
                0
            )
        when line_item_line_item_type <> 'SavingsPlanRecurringFee'
        then null
        when savings_plan_net_recurring_commitment_for_billing_period is null
        then
            coalesce(
                savings_plan_total_commitment_to_date - savings_plan_used_commitment, 0
            )
        else
            cast(
                cast(
                    savings_plan_total_commitment_to_date
                    - savings_plan_used_commitment as double
                ) * (
                    cast(
                        savings_plan_net_recurring_commitment_for_billing_period
                        as double
                    ) + cast(
                        coalesce(
                            savings_plan_net_amortized_upfront_commitment_for_billing_period,
                            0
                        ) as double
                    )
                )
                / nullif(
                    cast(
                        savings_plan_recurring_commitment_for_billing_period as double
                    ) + cast(
                        coalesce(
                            savings_plan_amortized_upfront_commitment_for_billing_period,
                            0
                        ) as double
                    ),
                    0
                ) as decimal(38, 18)
            )
    end
{%- endmacro %}
