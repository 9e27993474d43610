with products_declared as (

    select * from {{ ref('products_declared') }}

),

sold as (

    select distinct
        source,
        product_id
    from {{ ref('sales_events_accepted') }}

),

all_products as (

    select
        coalesce(products_declared.product_id, sold.product_id) as product_id,
        coalesce(products_declared.source, sold.source) as source,
        coalesce(
            products_declared.product_name, products_declared.product_id, sold.product_id
        ) as product_name,
        coalesce(products_declared.category, 'unknown') as category,
        coalesce(products_declared.department, 'unknown') as department,
        products_declared.product_id is null as is_inferred
    from products_declared
    full outer join sold
        on
            products_declared.source = sold.source
            and products_declared.product_id = sold.product_id

),

ranked as (

    -- a product that several sources know is one product: the declared row counts
    select
        *,
        row_number() over (
            partition by product_id
            order by is_inferred, source
        ) as position
    from all_products

),

products as (

    select
        product_id,
        product_name,
        category,
        department,
        source,
        is_inferred
    from ranked
    where position = 1

)

select * from products
