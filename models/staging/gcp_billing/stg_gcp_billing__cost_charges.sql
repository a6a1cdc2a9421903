-- The cost of each line of Google Cloud's bill, in FOCUS: its discounts reduce the
-- effective cost; what it was billed with them and its credits are charges of their
-- own. One row per line.
with
    lines as (select * from {{ ref("stg_gcp_billing__lines") }}),
    credits as (select * from {{ ref("stg_gcp_billing__credits") }}),

    line_discounts as (
        select
            delivery_id,
            source_row,
            sum(amount) as discount,
            max(commitment_discount_type) as commitment_discount_type
        from credits
        where is_discount
        group by delivery_id, source_row
    ),

    lines_discounted as (
        select
            lines.*,
            line_discounts.discount,
            -- A consumption model prices covered usage without a credit.
            coalesce(
                line_discounts.commitment_discount_type,
                case
                    when lower(lines.consumption_model_description) <> 'default'
                    then 'Spend-based CUD'
                end
            ) as commitment_discount_type,
            lower(lines.sku_description) as sku_text,
            lower(lines.cost_type) as line_type
        from lines
        left join
            line_discounts
            on lines.delivery_id = line_discounts.delivery_id
            and lines.source_row = line_discounts.source_row
    ),

    final as (
        select
            resource_id,
            resource_name,
            resource_type,
            billing_account_id,
            project_id as sub_account_id,
            project_name as sub_account_name,

            {{ utc_timestamp("usage_start_time") }} as charge_start_at_utc,
            {{ utc_timestamp("usage_end_time") }} as charge_end_at_utc,
            billing_period_date,

            'Google Cloud' as provider_name,
            service_description as service_name,
            cast(null as string) as service_category,
            region,
            location_zone as zone,
            case
                when line_type = 'regular' and sku_text like 'commitment%'
                then 'Purchase'
                when line_type = 'regular'
                then 'Usage'
                when line_type = 'tax'
                then 'Tax'
                when line_type in ('adjustment', 'rounding_error')
                then 'Adjustment'
            end as charge_category,
            case
                when
                    coalesce(
                        adjustment_info_id,
                        adjustment_info_description,
                        adjustment_info_mode,
                        adjustment_info_type
                    )
                    is not null
                then 'Correction'
            end as charge_class,
            case
                when line_type <> 'regular'
                then null
                when sku_text like 'commitment%' or commitment_discount_type is not null
                then 'Committed'
                when sku_text like 'spot %' or sku_text like '%preemptible%'
                then 'Dynamic'
                else 'Standard'
            end as pricing_category,
            subscription_instance_id as commitment_discount_id,
            case
                when commitment_discount_type is not null
                then 'Used'
                -- Of a fee, what the credit for its used part leaves.
                when sku_text like 'commitment%' and cost + discount > 0
                then 'Unused'
            end as commitment_discount_status,
            commitment_discount_type,
            sku_description as charge_description,
            sku_id,
            cast(null as string) as sku_meter,
            x_price_details as sku_price_details_json,
            usage_unit as consumed_unit,
            usage_pricing_unit as pricing_unit,
            currency as billing_currency,

            case when line_type = 'regular' then usage_amount end as consumed_quantity,
            case
                when line_type = 'regular' then usage_amount_in_pricing_units
            end as pricing_quantity,
            cost as billed_cost,
            cost + coalesce(discount, 0) as effective_cost,
            cost_at_list as list_cost,
            coalesce(cost_at_effective_price_default, cost) as contracted_cost,

            x_tags as tags_json,
            cost_type as x_line_type,
            cast(null as string) as x_parent_resource_id,
            cast(null as decimal(38, 18)) as x_split_effective_cost,
            cast(null as decimal(38, 18)) as x_split_unused_cost,

            'gcp_billing' as source_name,
            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from lines_discounted
    )

select *
from final
