-- The machine that a line of hours names: in the SKU's details, else in its meter or
-- description. One row per provider, SKU meter, description and SKU detail.
with
    charges as (select * from {{ ref("int_billing__charges_daily") }}),
    providers as (select * from {{ ref("providers") }}),
    units as (select * from {{ ref("consumed_units") }}),
    grammars as (select * from {{ ref("instance_name_grammars") }}),

    skus as (
        select
            charges.provider_name,
            charges.sku_meter,
            charges.charge_description,
            charges.sku_price_details_json
        from charges
        inner join units on lower(charges.consumed_unit) = units.unit_key
        where units.dimension = 'hours'
        group by all
    ),

    final as (
        select
            skus.provider_name,
            coalesce(skus.sku_meter, '') as sku_meter,
            coalesce(skus.charge_description, '') as charge_description,
            coalesce(skus.sku_price_details_json, '') as sku_price_details_json,
            coalesce(
                lower(
                    {{
                        json_text(
                            "nullif(skus.sku_price_details_json, '')", "InstanceType"
                        )
                    }}
                ),
                nullif(
                    regexp_extract(lower(skus.sku_meter), grammars.text_regex, 1), ''
                ),
                nullif(
                    regexp_extract(
                        lower(skus.charge_description), grammars.text_regex, 1
                    ),
                    ''
                )
            ) as type_name
        from skus
        inner join providers on lower(skus.provider_name) = providers.provider_name_key
        inner join grammars on providers.provider_code = grammars.provider_code
    )

select *
from final
where type_name is not null
