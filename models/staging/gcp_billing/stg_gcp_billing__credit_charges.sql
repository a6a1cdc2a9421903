-- Each credit on a line of Google Cloud's bill as a charge of its own, in FOCUS; one
-- that is a discount is in the effective cost of its line already, so its own is zero.
-- One row per line and credit.
with
    charges as (select * from {{ ref("stg_gcp_billing__cost_charges") }}),
    credits as (select * from {{ ref("stg_gcp_billing__credits") }}),

    final as (
        select
            charges.resource_id,
            charges.resource_name,
            charges.resource_type,
            charges.billing_account_id,
            charges.sub_account_id,
            charges.sub_account_name,

            charges.charge_start_at_utc,
            charges.charge_end_at_utc,
            charges.billing_period_date,

            charges.provider_name,
            charges.service_name,
            charges.service_category,
            charges.region,
            charges.zone,
            'Credit' as charge_category,
            charges.charge_class,
            cast(null as string) as pricing_category,
            charges.commitment_discount_id,
            cast(null as string) as commitment_discount_status,
            credits.commitment_discount_type,
            credits.credit_name as charge_description,
            charges.sku_id,
            charges.sku_meter,
            cast(null as string) as sku_price_details_json,
            cast(null as string) as consumed_unit,
            cast(null as string) as pricing_unit,
            charges.billing_currency,

            cast(null as double) as consumed_quantity,
            cast(null as double) as pricing_quantity,
            credits.amount as billed_cost,
            case
                when credits.is_discount
                then cast(0 as decimal(38, 18))
                else credits.amount
            end as effective_cost,
            cast(0 as decimal(38, 18)) as list_cost,
            cast(0 as decimal(38, 18)) as contracted_cost,

            charges.tags_json,
            credits.credit_type as x_line_type,
            charges.x_parent_resource_id,
            charges.x_split_effective_cost,
            charges.x_split_unused_cost,

            charges.source_name,
            charges.source_file,
            -- The numbers after a line's own are left for its credits.
            charges.source_row + credits.credit_number as source_row,
            charges.delivery_id,
            charges.received_at_utc
        from credits
        inner join
            charges
            on credits.delivery_id = charges.delivery_id
            and credits.source_row = charges.source_row
    )

select *
from final
