{# The landed columns of a FOCUS bill in our names and units; what all bills have in this order.
   `tags` may carry the prefix that AWS puts before a user's own. #}
{% macro focus_charges(
    source_name,
    billing_period_date="cast(concat(right(deliveries.scope, 7), '-01') as date)"
) -%}
    landed.resourceid as resource_id,
    landed.resourcename as resource_name,
    landed.resourcetype as resource_type,
    landed.billingaccountid as billing_account_id,
    landed.subaccountid as sub_account_id,
    landed.subaccountname as sub_account_name,

    {{ utc_timestamp("landed.chargeperiodstart") }} as charge_start_at_utc,
    {{ utc_timestamp("landed.chargeperiodend") }} as charge_end_at_utc,
    -- The month as the bill writes it, in whatever time zone: it ends the scope of
    -- files.
    {{ billing_period_date }} as billing_period_date,

    landed.providername as provider_name,
    landed.servicename as service_name,
    landed.servicecategory as service_category,
    landed.regionid as region,
    landed.availabilityzone as zone,
    landed.chargecategory as charge_category,
    landed.chargeclass as charge_class,
    landed.pricingcategory as pricing_category,
    landed.commitmentdiscountid as commitment_discount_id,
    landed.commitmentdiscountstatus as commitment_discount_status,
    landed.commitmentdiscounttype as commitment_discount_type,
    landed.chargedescription as charge_description,
    landed.skuid as sku_id,
    coalesce(landed.x_meter, landed.skumeter) as sku_meter,
    coalesce(landed.x_price_details, landed.skupricedetails) as sku_price_details_json,
    landed.consumedunit as consumed_unit,
    landed.pricingunit as pricing_unit,
    landed.billingcurrency as billing_currency,

    landed.consumedquantity as consumed_quantity,
    landed.pricingquantity as pricing_quantity,
    landed.billedcost as billed_cost,
    landed.effectivecost as effective_cost,
    landed.listcost as list_cost,
    landed.contractedcost as contracted_cost,

    {{ keys_without_prefix("landed.tags", ["user:"]) }} as tags_json,
    cast(null as string) as x_line_type,
    cast(null as string) as x_parent_resource_id,
    cast(null as decimal(38, 18)) as x_split_effective_cost,
    cast(null as decimal(38, 18)) as x_split_unused_cost,

    '{{ source_name }}' as source_name,
    landed.source_file,
    landed.source_row,
    landed.delivery_id,
    deliveries.received_at_utc
{%- endmacro %}

{# A flat JSON object without a prefix of its keys. Inside a text a quotation mark is written \", so
   a prefix after {" or ," begins a key. #}
{% macro keys_without_prefix(json_text, prefixes) -%}
    {%- set ns = namespace(sql=json_text) -%}
    {%- for prefix in prefixes -%}
        {%- for start in ["{", ","] -%}
            {%- set ns.sql = (
                "replace("
                ~ ns.sql
                ~ ", '"
                ~ start
                ~ '"'
                ~ prefix
                ~ "', '"
                ~ start
                ~ '"'
                ~ "')"
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ ns.sql }}
{%- endmacro %}
