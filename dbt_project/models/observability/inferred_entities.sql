with sales_by_day as (

    select * from {{ ref('sales_by_day') }}

),

dim_product as (

    select * from {{ ref('dim_product') }}

),

dim_store as (

    select * from {{ ref('dim_store') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

inferred as (

    select
        dim_product.source,
        'product' as entity,
        dim_product.product_id as entity_id,
        sum(sales_by_day.lines) as lines,
        min(sales_by_day.sold_on) as first_sold_on
    from dim_product
    left join sales_by_day on dim_product.product_id = sales_by_day.product_id
    where dim_product.is_inferred
    group by 1, 2, 3
    union all
    select
        dim_store.source,
        'store' as entity,
        dim_store.store_id as entity_id,
        sum(sales_by_day.lines) as lines,
        min(sales_by_day.sold_on) as first_sold_on
    from dim_store
    left join sales_by_day on dim_store.store_id = sales_by_day.store_id
    where dim_store.is_inferred
    group by 1, 2, 3

),

unexpected as (

    -- a source that brings no products or stores has nothing to look them up in
    select
        inferred.source,
        inferred.entity,
        inferred.entity_id,
        inferred.lines,
        inferred.first_sold_on,
        case inferred.entity
            when 'product' then rules.has_products
            else rules.has_stores
        end as is_unexpected
    from inferred
    inner join rules on inferred.source = rules.source

)

select * from unexpected
