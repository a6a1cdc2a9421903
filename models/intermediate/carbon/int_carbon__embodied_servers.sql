-- Manufacture of the server under each machine, accelerators not included: what a
-- source lists, else what stands in for it. One row per provider, site and hardware
-- key.
with
    listed as (select * from {{ ref("int_carbon__embodied_servers_listed") }}),
    estimated as (select * from {{ ref("int_carbon__embodied_servers_estimated") }}),

    final as (
        select *
        from listed
        union all
        select estimated.*
        from estimated
        left join listed using (provider_code, site_name, hardware_key)
        where listed.embodied_method is null
    )

select *
from final
