-- Credits of Google Cloud's lines: a discount reduces what the line's usage costs, any
-- other credit, and one of a type that gcp_credit_types does not know, is money apart.
-- One row per line and credit.
with
    lines as (select * from {{ ref("stg_gcp_billing__lines") }}),
    credit_types as (select * from {{ ref("gcp_credit_types") }}),

    credits_listed as (
        select
            lines.delivery_id,
            lines.source_file,
            lines.source_row,
            told.credit_number,
            {{ json_item("lines.credits", "told.credit_number") }} as credit_json
        from
            lines {{ unnested(positions_in("lines.credits"), "told", "credit_number") }}
        where lines.credits is not null
    ),

    credits_read as (
        select
            *,
            {{ json_text("credit_json", "type") }} as credit_type,
            {{ json_text("credit_json", "full_name") }} as credit_full_name,
            {{ json_text("credit_json", "name") }} as credit_name,
            cast({{ json_text("credit_json", "amount") }} as decimal(38, 18)) as amount
        from credits_listed
    ),

    final as (
        select
            credits_read.delivery_id,
            credits_read.source_file,
            credits_read.source_row,
            credits_read.credit_number,

            credits_read.credit_type,
            coalesce(
                credits_read.credit_full_name, credits_read.credit_name
            ) as credit_name,
            coalesce(credit_types.is_discount, false) as is_discount,
            credit_types.commitment_discount_type,

            credits_read.amount
        from credits_read
        left join credit_types on credits_read.credit_type = credit_types.credit_type
    )

select *
from final
