{# A charge by all that decides its class, energy, place or owner: by these columns charges are
   added up. #}
{% macro charge_columns() -%}
    delivery_id,
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
    coalesce(commitment_discount_status = 'Unused', false) as is_unused_commitment,

    resource_id,
    resource_name,
    x_parent_resource_id as parent_resource_id,
    tags_json
{%- endmacro %}

{# The columns by which the bill is published by day. #}
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
    billing_currency,
    is_unused_commitment,
    sku_key,
    team,
    project
{%- endmacro %}

{# What a line of the bill by day keeps. #}
{% macro daily_line_columns() -%}
    {{ bill_line_keys() }}, provider_code, region, region_missing_reason
{%- endmacro %}

{# What is added up by them, in exact decimals, and the digits after their point. #}
{% macro bill_line_amounts() -%}
    {{
        return(
            [
                ("consumed_quantity_exact", 12),
                ("effective_cost_exact", 18),
                ("billed_cost_exact", 18),
                ("list_cost_exact", 18),
            ]
        )
    }}
{%- endmacro %}

{# How the bill and jobs write one machine: its id within any path before it, such as i-0abc of
   arn:aws:ec2:eu-west-1:1:instance/i-0abc and of aws:///eu-west-1a/i-0abc. '' where it has none. #}
{% macro cloud_instance_id(text) -%}
    regexp_extract({{ text }}, '(^|[/:])(i-[0-9a-f]+)$', 2)
{%- endmacro %}

{# The last two parts of a path: training-job/NAME, instances/NAME. A node of Kubernetes on Google
   Cloud, gce://PROJECT/ZONE/NAME, is the instance NAME. '' for a plain name. #}
{% macro resource_path_end(text) -%}
    regexp_extract(
        regexp_replace({{ text }}, '^gce://[^/]+/[^/]+/', 'x/instances/'),
        '([^/:]+/[^/:]+)$',
        1
    )
{%- endmacro %}

{# The last part of a path, or a plain name. #}
{% macro resource_name_end(text) -%}
    regexp_extract({{ text }}, '([^/:]+)$', 1)
{%- endmacro %}

{# A tag's value as it is compared: Google Cloud's labels know neither capitals nor punctuation. #}
{% macro tag_value_key(text) -%} {{ alias_key(text) }} {%- endmacro %}

{# The amounts of a charge that are shared out, and the digits after their point. #}
{% macro claimed_amounts() -%}
    {{
        return(
            [
                ("consumed_quantity", 12),
                ("effective_cost", 18),
                ("billed_cost", 18),
                ("list_cost", 18),
            ]
        )
    }}
{%- endmacro %}

{# What the first parts of a charge amount to, in the charge's own exact decimals: parts add up to
   the charge, because the last one ends with it. #}
{% macro amount_to(amount, share_to, scale=18) -%}
    case
        when {{ share_to }} >= 0.999999999999
        then cast({{ amount }} as decimal(38, {{ scale }}))
        else
            cast(
                cast({{ amount }} as double)
                * {{ share_to }} as decimal(38, {{ scale }})
            )
    end
{%- endmacro %}

{# What tells the SKUs of a bill apart, as one text. #}
{% macro sku_key(relation) -%}
    md5(
        concat_ws(
            '|'
            {%- for column in [
                "provider_name",
                "service_name",
                "sku_meter",
                "charge_description",
                "sku_price_details_json",
                "consumed_unit",
                "charge_category",
            ] %}, coalesce({{ relation }}.{{ column }}, '') {%- endfor %}
        )
    )
{%- endmacro %}

{# What a rule of bill lines says. #}
{% macro line_rule_columns(relation) -%}
    {% for column in [
        "rule_id",
        "priority",
        "provider_code",
        "service_name_like",
        "text_like",
        "consumed_unit_like",
        "charge_category",
        "hardware_named",
        "resource_class",
        "allocation_hint",
        "energy_rule",
    ] -%}
        {{ relation }}.{{ column }}{% if not loop.last %}, {% endif %}
    {%- endfor %}
{%- endmacro %}

{# Units that a bill or a price list counts in blocks (Azure's 1000 GB/Month): how many, and of
   which unit. #}
{% macro units_in_block(unit) -%}
    (
        coalesce(
            cast(
                replace(
                    nullif(
                        regexp_extract({{ unit }}, '^([0-9][0-9,.]*)[km]? +[^ ]', 1), ''
                    ),
                    ',',
                    ''
                ) as double
            ),
            1.0
        ) * case
            regexp_extract({{ unit }}, '^[0-9][0-9,.]*([km]) +[^ ]', 1)
            when 'k'
            then 1e3
            when 'm'
            then 1e6
            else 1.0
        end
    )
{%- endmacro %}

{% macro unit_of_block(unit) -%}
    regexp_extract({{ unit }}, '^(?:[0-9][0-9,.]*[km]? +)?(.*)$', 1)
{%- endmacro %}

{# The columns by which charges of one resource are added up per billing period. #}
{% macro resource_charge_keys() -%}
    delivery_id,
    billing_period_date,
    provider_name,
    billing_account_id,
    sub_account_id,
    service_name,
    told_region,
    resource_id,
    resource_name,
    parent_resource_id,
    tags_json,
    charge_category,
    charge_class,
    billing_currency,
    is_unused_commitment,
    sku_key
{%- endmacro %}

{# The columns by which what is left of them is added up. #}
{% macro unclaimed_keys() -%}
    billing_period_date,
    provider_code,
    billing_account_id,
    sub_account_id,
    service_name,
    region,
    resource_id,
    resource_name,
    tags_json,
    billing_currency
{%- endmacro %}

{# To whom a line of the bill belongs that no run claims. #}
{% macro unclaimed_allocation(allocation_hint, is_unused_commitment, charge_class) -%}
    case
        when
            {{ allocation_hint }} = 'shared'
            or {{ is_unused_commitment }}
            or {{ charge_class }} = 'Correction'
        then 'shared'
        when {{ allocation_hint }} = 'ml'
        then 'unallocated'
        else 'not_ml'
    end
{%- endmacro %}
