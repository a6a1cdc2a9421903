{# The columns by which charges of one kind are added up per day: all that decides their class,
   energy, place or owner. #}
{% macro bill_line_keys() -%}
    usage_date,
    billing_period_date,
    provider_name,
    billing_account_id,
    sub_account_id,
    service_name,
    service_category,
    told_region,
    charge_category,
    charge_class,
    charge_description,
    sku_meter,
    sku_price_details_json,
    consumed_unit,
    billing_currency,
    is_unused_commitment
{%- endmacro %}

{# A charge as `bill_line_keys` sees it, and the keys' own columns as they are. #}
{% macro bill_line_columns() -%}
    cast(date_trunc('day', charge_start_at_utc) as date) as usage_date,
    billing_period_date,

    provider_name,
    billing_account_id,
    sub_account_id,
    service_name,
    service_category,
    region as told_region,
    charge_category,
    charge_class,
    charge_description,
    sku_meter,
    sku_price_details_json,
    consumed_unit,
    billing_currency,
    coalesce(commitment_discount_status = 'Unused', false) as is_unused_commitment
{%- endmacro %}
