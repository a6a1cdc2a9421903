-- The bill's machine-hours of known types: what they cost in all, and what of them no
-- run has claimed and no rule gives to others. One row per day and combination of the
-- bill's keys.
with
    charges_daily as (select * from {{ ref("int_billing__charges_daily") }}),
    claims_daily as (select * from {{ ref("int_cost__claims_daily") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    parts as (
        {% for relation, sign in [("charges_daily", ""), ("claims_daily", "-")] %}
            select
                {{ bill_line_keys() }},
                {{ sku_key(relation) }} as sku_key,
                {% for amount in bill_line_amounts() %}
                    {% if sign == "" %} {{ amount }}
                    {% else %} cast(0 as decimal(38, 12))
                    {% endif %} as {{ amount }}_in_all,
                    {{ sign }} {{ amount }} as {{ amount }}_left
                    {%- if not loop.last %},{% endif %}
                {% endfor %}
            from {{ relation }}
            where charge_category = 'Usage' and not is_unused_commitment
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    parts_added as (
        select
            {{ bill_line_keys() }},
            parts.sku_key,
            classes.provider_code,
            classes.instance_type as hardware_key,
            classes.allocation_hint,
            classes.unit_factor,
            {% for amount in bill_line_amounts() %}
                sum({{ amount }}_in_all) as {{ amount }}_in_all,
                sum({{ amount }}_left) as {{ amount }}_left
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from parts
        inner join classes on parts.sku_key = classes.sku_key
        where
            classes.energy_rule = 'instance_hours'
            and classes.instance_type is not null
            and classes.dimension = 'hours'
        group by all
    ),

    final as (
        select
            parts_added.*,
            coalesce(regions_named.region, parts_added.told_region, '') as region,
            coalesce(parts_added.sub_account_id, '') as account_key,
            cast(consumed_quantity_exact_in_all as double)
            * parts_added.unit_factor as hours_in_all,
            cast(consumed_quantity_exact_left as double)
            * parts_added.unit_factor as hours_left,
            parts_added.allocation_hint = 'ml'
            and coalesce(parts_added.charge_class, '') <> 'Correction' as is_unallocated
        from parts_added
        left join
            regions_named
            on coalesce(parts_added.provider_name, '') = regions_named.told_provider
            and coalesce(parts_added.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
    )

select *
from final
