-- AWS cost and usage lines in FOCUS, our names and units. One row per line.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "aws_cur__lines") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'aws_cur__lines'
    ),

    lines as (
        select
            *,
            line_item_line_item_type as line_type,
            coalesce(line_item_net_unblended_cost, line_item_unblended_cost) as cost,
            coalesce(
                savings_plan_savings_plan_a_r_n, reservation_reservation_a_r_n
            ) as commitment_id,
            {{ unused_commitment() }} as unused_cost
        from landed
    ),

    final as (
        select
            lines.line_item_resource_id as resource_id,
            cast(null as string) as resource_name,
            cast(null as string) as resource_type,
            lines.bill_payer_account_id as billing_account_id,
            lines.line_item_usage_account_id as sub_account_id,
            lines.line_item_usage_account_name as sub_account_name,

            {{ utc_timestamp("lines.line_item_usage_start_date") }}
            as charge_start_at_utc,
            {{ utc_timestamp("lines.line_item_usage_end_date") }} as charge_end_at_utc,
            cast(
                concat(right(deliveries.scope, 7), '-01') as date
            ) as billing_period_date,

            'AWS' as provider_name,
            coalesce(
                lines.x_service_name, lines.line_item_product_code
            ) as service_name,
            cast(null as string) as service_category,
            lines.x_region as region,
            lines.line_item_availability_zone as zone,
            {{ cur_charge_category("lines.line_type") }} as charge_category,
            case
                when lines.line_type = 'Refund' or lines.bill_bill_type = 'Refund'
                then 'Correction'
            end as charge_class,
            {{ cur_pricing_category("lines.line_type", "lines.line_item_usage_type") }}
            as pricing_category,
            lines.commitment_id as commitment_discount_id,
            case
                when lines.line_type in ('DiscountedUsage', 'SavingsPlanCoveredUsage')
                then 'Used'
                when lines.unused_cost > 0
                then 'Unused'
            end as commitment_discount_status,
            case
                when lines.savings_plan_savings_plan_a_r_n is not null
                then 'Savings Plan'
                when lines.reservation_reservation_a_r_n is not null
                then 'Reserved Instance'
            end as commitment_discount_type,
            lines.line_item_line_item_description as charge_description,
            lines.product_sku as sku_id,
            lines.line_item_usage_type as sku_meter,
            lines.x_price_details as sku_price_details_json,
            lines.pricing_unit as consumed_unit,
            lines.pricing_unit as pricing_unit,
            lines.line_item_currency_code as billing_currency,

            lines.line_item_usage_amount as consumed_quantity,
            lines.line_item_usage_amount as pricing_quantity,
            {{ cur_billed_cost("lines.line_type", "lines.cost") }} as billed_cost,
            {{ cur_effective_cost("lines") }} as effective_cost,
            case
                when {{ cur_charge_category("lines.line_type") }} = 'Usage'
                then lines.pricing_public_on_demand_cost
            end as list_cost,
            case
                when lines.line_type not in ('DiscountedUsage', 'SavingsPlanNegation')
                then lines.cost
            end as contracted_cost,

            {{ keys_without_prefix("lines.resource_tags", ["user:", "user_"]) }}
            as tags_json,
            lines.line_type as x_line_type,
            lines.split_line_item_parent_resource_id as x_parent_resource_id,
            coalesce(
                lines.split_line_item_net_split_cost, lines.split_line_item_split_cost
            ) as x_split_effective_cost,
            coalesce(
                lines.split_line_item_net_unused_cost, lines.split_line_item_unused_cost
            ) as x_split_unused_cost,

            'aws_cur' as source_name,
            lines.source_file,
            lines.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from lines
        inner join deliveries on lines.delivery_id = deliveries.delivery_id
    )

select *
from final
