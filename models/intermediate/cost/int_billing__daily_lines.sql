-- Billing rows of one kind added up per day. A row keeps what decides its energy
-- (service, SKU, unit, region) and whom it was claimed for: what runs and their idle
-- machines claim is taken from the bill and put back as theirs, so the sum stays the
-- bill. One row per day, claim and combination of the keys.
with
    charges_daily as (select * from {{ ref("int_billing__charges_daily") }}),
    claims_daily as (select * from {{ ref("int_cost__claims_daily") }}),
    own_rate_daily as (select * from {{ ref("int_cost__own_rate_daily") }}),
    providers as (select * from {{ ref("providers") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    parts as (
        select
            {{ bill_line_keys() }},
            cast(null as string) as claimed_for,
            line_rows,
            consumed_quantity_exact,
            effective_cost_exact,
            billed_cost_exact,
            list_cost_exact
        from charges_daily
        union all
        {% for relation, claimed_for, sign in [
            ("claims_daily", "cast(null as string)", "-"),
            ("claims_daily", "allocation", ""),
            ("own_rate_daily", "cast(null as string)", "-"),
            ("own_rate_daily", "allocation", ""),
        ] %}
            select
                {{ bill_line_keys() }},
                {{ claimed_for }} as claimed_for,
                {{ sign }} line_rows as line_rows,
                {{ sign }} consumed_quantity_exact as consumed_quantity_exact,
                {{ sign }} effective_cost_exact as effective_cost_exact,
                {{ sign }} billed_cost_exact as billed_cost_exact,
                {{ sign }} list_cost_exact as list_cost_exact
            from {{ relation }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    parts_added as (
        select
            {{ bill_line_keys() }},
            claimed_for,

            cast(sum(line_rows) as bigint) as line_rows,
            cast(sum(consumed_quantity_exact) as double) as consumed_quantity,
            sum(effective_cost_exact) as effective_cost_exact,
            sum(billed_cost_exact) as billed_cost_exact,
            sum(list_cost_exact) as list_cost_exact
        from parts
        group by all
        having
            sum(line_rows) > 0
            or sum(effective_cost_exact) <> 0
            or sum(billed_cost_exact) <> 0
            or sum(list_cost_exact) <> 0
            or sum(consumed_quantity_exact) <> 0
    ),

    final as (
        select
            parts_added.*,
            {{ sku_key("parts_added") }} as sku_key,
            coalesce(regions_named.region, parts_added.told_region) as region,
            coalesce(
                providers.provider_code, lower(parts_added.provider_name)
            ) as provider_code,
            regions_named.missing_reason as region_missing_reason
        from parts_added
        left join
            providers on lower(parts_added.provider_name) = providers.provider_name_key
        left join
            regions_named
            on coalesce(parts_added.provider_name, '') = regions_named.told_provider
            and coalesce(parts_added.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
    )

select *
from final
