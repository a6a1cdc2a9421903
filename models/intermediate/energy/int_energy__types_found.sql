-- The machine that a name means. One row per provider and name in lower case, where the
-- provider has such a machine.
with
    names as (select * from {{ ref("int_energy__type_names") }}),
    catalogue as (select * from {{ ref("int_energy__hardware_catalogue") }}),

    final as (
        select names.provider_code, names.type_name, names.hardware_key
        from names
        inner join
            catalogue
            on names.provider_code = catalogue.provider_code
            and names.hardware_key = catalogue.hardware_key
        where catalogue.site_name = ''
    )

select *
from final
