-- Finds days and stores of which the two versions tell different sums.
{{ config(tags=['data_product']) }}

with first_version as (

    select
        store_id,
        sold_on,
        count(*) as row_count,
        sum(units_sold - units_returned) as units,
        sum(net_revenue) as net_revenue,
        sum(unit_price) as prices
    from {{ ref('daily_sales', v=1) }}
    group by store_id, sold_on

),

second_version as (

    select
        store_id,
        sold_on,
        count(*) as row_count,
        sum(units_net) as units,
        sum(net_revenue) as net_revenue,
        sum(unit_price_store_currency) as prices
    from {{ ref('daily_sales', v=2) }}
    group by store_id, sold_on

)

select
    coalesce(first_version.store_id, second_version.store_id) as store_id,
    coalesce(first_version.sold_on, second_version.sold_on) as sold_on,
    first_version.units as units_of_v1,
    second_version.units as units_of_v2,
    first_version.net_revenue as net_revenue_of_v1,
    second_version.net_revenue as net_revenue_of_v2
from first_version
full join
    second_version
    on
        first_version.store_id = second_version.store_id
        and first_version.sold_on = second_version.sold_on
where
    first_version.row_count is distinct from second_version.row_count
    or first_version.units is distinct from second_version.units
    or first_version.net_revenue is distinct from second_version.net_revenue
    or first_version.prices is distinct from second_version.prices
