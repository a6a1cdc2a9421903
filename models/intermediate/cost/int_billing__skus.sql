-- The SKUs of the bills with their text as rules see it, and the machine and the
-- accelerator that the text names: a machine in the SKU's details, else in its meter,
-- else in its description. One row per SKU key.
with
    charges_daily as (select * from {{ ref("int_billing__charges_daily") }}),
    providers as (select * from {{ ref("providers") }}),
    service_codes as (select * from {{ ref("service_codes") }}),
    grammars as (select * from {{ ref("instance_name_grammars") }}),

    skus as (
        select
            sku_key,
            min(lower(provider_name)) as provider_name_key,
            min(lower(coalesce(service_name, ''))) as service_key,
            min(sku_meter) as sku_meter,
            min(charge_description) as charge_description,
            min(nullif(sku_price_details_json, '')) as details_json,
            min(consumed_unit) as consumed_unit,
            min(coalesce(charge_category, '')) as charge_category
        from charges_daily
        group by sku_key
    ),

    skus_read as (
        select
            *,
            lower(coalesce(sku_meter, '')) as meter_text,
            lower(coalesce(charge_description, '')) as description_text,
            lower(trim(coalesce(consumed_unit, ''))) as unit_text
        from skus
    ),

    names_found as (
        select
            skus_read.*,
            coalesce(
                providers.provider_code, skus_read.provider_name_key, ''
            ) as provider_code,
            lower(
                {{ json_text("skus_read.details_json", "InstanceType") }}
            ) as details_type,
            coalesce(
                nullif(
                    regexp_extract(skus_read.meter_text, grammars.text_regex, 1), ''
                ),
                nullif(
                    regexp_extract(skus_read.description_text, grammars.text_regex, 1),
                    ''
                )
            ) as text_type,
            nullif(
                regexp_extract(
                    concat(skus_read.meter_text, ' ', skus_read.description_text),
                    grammars.accelerator_regex,
                    1
                ),
                ''
            ) as accelerator_name,
            grammars.is_whole_in_details
        from skus_read
        left join providers on skus_read.provider_name_key = providers.provider_name_key
        left join grammars on providers.provider_code = grammars.provider_code
    ),

    final as (
        select
            names_found.sku_key,

            names_found.provider_code,
            -- A bill may write the service by its code.
            coalesce(
                service_codes.service_name, names_found.service_key
            ) as service_text,
            concat(
                names_found.meter_text, ' ', names_found.description_text
            ) as sku_text,
            names_found.unit_text,
            names_found.charge_category,

            names_found.sku_meter,
            names_found.charge_description,
            names_found.consumed_unit,

            coalesce(names_found.details_type, names_found.text_type) as type_name,
            names_found.accelerator_name,
            -- Where cores and memory are sold apart, the details of each tell the
            -- machine that they are a part of.
            case
                when names_found.accelerator_name is not null
                then 'accelerator'
                when names_found.text_type is not null
                then 'machine'
                when
                    names_found.is_whole_in_details
                    and names_found.details_type is not null
                then 'machine'
                else ''
            end as hardware_named
        from names_found
        left join
            service_codes
            on names_found.provider_code = service_codes.provider_code
            and names_found.service_key = service_codes.service_code
    )

select *
from final
